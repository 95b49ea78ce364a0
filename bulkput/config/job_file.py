"""A job's file as it is written: `JobSettings`, and what is written out before they are made."""

from typing import Annotated, Any

from pydantic import Field

from bulkput.config.settings import JobSettings, sections_together
from bulkput.config.text import Text
from bulkput.config.volume import VolumeSettings
from bulkput.config.volumes_from import VolumesFrom

_VARIABLE_NAME = Text("a name of letters, digits, `-` and `_`", r"^[A-Za-z0-9_-]+$", length_max=64)
VariableName = Annotated[str, _VARIABLE_NAME]
WRITTEN_OUT = ("vars", "defaults", "volumes_from")
"""Keys of the file alone: the settings have the volumes that come of them."""


def _any_volumes(schema: dict[str, Any]) -> None:
    sections_together(schema)
    schema["required"] = ["version"]
    both = {name: schema.pop(name) for name in ("if", "then")}
    schema["allOf"] = [both, {"anyOf": [{"required": ["volumes"]}, {"required": ["volumes_from"]}]}]


class JobFile(JobSettings, json_schema_extra=_any_volumes):
    """One YAML file of a job."""

    volumes: Annotated[tuple[VolumeSettings, ...], Field(min_length=1)] = Field(
        strict=False,  # YAML has lists
        description="The volumes of the job: at least one, here or from `volumes_from`.",
    )
    vars: dict[VariableName, str | int | float | bool] = Field(
        default_factory=dict,
        json_schema_extra=_VARIABLE_NAME.of_keys(),
        description="Values for `${var.NAME}` in text. `--set NAME=VALUE` overrides them.",
    )
    defaults: dict[str, Any] = Field(
        default_factory=dict,
        description="Any keys of a volume, for all volumes that do not have them. Sections such "
        "as `snapshot.tags` are merged; `null` in a volume removes a default.",
    )
    volumes_from: tuple[VolumesFrom, ...] = Field(
        default=(),
        strict=False,
        description="Where more volumes come from: one section, or a list of them.",
    )
