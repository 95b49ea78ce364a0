"""The whole configuration: `JobSettings`, frozen and checked, and the rules across its sections."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.functional_validators import BeforeValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from bulkput.config.after_upload import becoming_encrypted, problems, with_all_blocks
from bulkput.config.between_volumes import across, custom, facts_of, in_the_clear
from bulkput.config.fleet import FleetSettings
from bulkput.config.forms import Name
from bulkput.config.images import ImageSettings
from bulkput.config.job_request import JobRequest
from bulkput.config.naming import distinct_labels
from bulkput.config.observe import ObserveSettings
from bulkput.config.paths import FOLDER
from bulkput.config.quantity import Duration, Window
from bulkput.config.section import Section
from bulkput.config.service import ServiceSettings
from bulkput.config.volume import VolumeSettings
from bulkput.model.daily_window import DailyWindow

VERSION = 1

MAY_BE_EMPTY = "may_be_empty"
"""In the validation context: whether a job may have no volumes."""
WHERE = "where"
"""In the validation context: names the volume at an index, as in ``volumes[0] (line 4)``."""


def _whole_version(value: object) -> object:
    if isinstance(value, bool) or value != VERSION:  # True equals 1
        raise ValueError(f"expected {VERSION}, the version of this format")
    return value


def sections_together(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what ``_volumes_fit_together`` checks of samples."""
    no_sample = {
        "properties": {"source": {"properties": {"sample": {"type": "null"}}}},
    }
    schema["if"] = {
        "not": {"properties": {"endpoint": {"const": "embedded"}}, "required": ["endpoint"]}
    }
    schema["then"] = {"properties": {"volumes": {"items": no_sample}}}


class _Heading(Section):
    """What a job begins with."""

    version: Annotated[Literal[1], BeforeValidator(_whole_version)] = Field(
        description="Version of this format: 1.",
    )
    name: Name | None = Field(
        default=None,
        description="Name of the job in reports.",
    )


class JobSettings(ServiceSettings, _Heading, json_schema_extra=sections_together):
    """A job: where it goes, how, and one or more volumes."""

    # One after the other: a single volume already reaches the quota of most accounts.
    parallel: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1,
        description="How many volumes are uploaded at the same time.",
    )
    order: Literal["file", "size", "size-desc"] = Field(
        default="file",
        description="Order in which volumes are started: `file` as written, `size` the smallest "
        "source first, `size-desc` the largest first. Sources of unknown size come last.",
    )
    # Continue: the other disks of a migration have nothing to do with the one that fails.
    on_error: Literal["continue", "stop"] = Field(
        default="continue",
        description="What to do with the volumes that have not started when one fails: "
        "`continue` with them, or `stop`, which leaves them to the next run.",
    )
    max_duration_s: Annotated[float, Duration(1.0, 30 * 86_400)] | None = Field(
        default=None,
        alias="max_duration",
        description="Time limit for the job. It then ends with code 5, and the same command "
        "resumes it.",
    )
    window: Annotated[DailyWindow, Window()] | None = Field(
        default=None,
        description="Time of day in which blocks are put, by this machine's clock, such as "
        "`22:00-06:00`. Outside of it puts pause, and the job continues by itself.",
    )
    # 1 TiB full is 12.58 USD at it.
    usd_per_thousand_puts: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = Field(
        default=0.006,
        description="Price of 1000 puts in USD, for the forecast of `bulkput plan`. The default is "
        "that of us-east-1 in autumn 2026, and of most Regions. Change it "
        "where the Region's price differs.",
    )
    observe: ObserveSettings = Field(
        default_factory=ObserveSettings,
        description="Events, logs and reports of the run.",
    )
    fleet: FleetSettings = Field(
        default_factory=FleetSettings,
        description="How the job runs on many machines (`bulkput fleet run`).",
    )
    volumes: Annotated[tuple[VolumeSettings, ...], Field(min_length=1)] = Field(
        strict=False,  # YAML has lists
        description="The volumes of the job, at least one.",
    )
    images: tuple[ImageSettings, ...] = Field(
        default=(),
        strict=False,
        description="Images (AMIs) that are registered of the job's snapshots.",
    )

    _request: JobRequest | None = PrivateAttr(default=None)

    @property
    def request(self) -> JobRequest | None:
        """Which job this is, and how much of it; None where there is no job file."""
        return self._request

    def requested(
        self, request: JobRequest, volumes: "tuple[VolumeSettings, ...] | None" = None
    ) -> Self:
        """Return these settings as those of a job, with ``volumes`` alone where they are given."""
        settings = self.model_copy(update={} if volumes is None else {"volumes": volumes})
        settings._request = request  # noqa: SLF001 - its own
        return settings

    @field_validator("volumes", mode="wrap")
    @classmethod
    def _volumes_fit_together(
        cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Check each volume and what they have in common; all that is wrong is raised at once."""
        context = info.context or {}
        volumes, errors = None, []
        try:
            volumes = () if value == [] and context.get(MAY_BE_EMPTY) else handler(value)
        except ValidationError as error:
            errors = [_again(found) for found in error.errors() if not _miscounted(found, value)]
        labels: list[str] = []
        if isinstance(value, Sequence) and not isinstance(value, str):
            facts = [facts_of(volume, context.get(FOLDER)) for volume in value]
            labels = distinct_labels([each.name for each in facts])
            where = context.get(WHERE, "volumes[{}]".format)
            errors += across(facts, labels, info.data.get("endpoint", "embedded"), where)
            if not info.data.get("allow_insecure_http", True):
                errors += in_the_clear(facts)
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors, hide_input=True)
        if volumes is None:
            return volumes
        return tuple(volume.called(label) for volume, label in zip(volumes, labels, strict=True))

    @model_validator(mode="after")
    def _snapshots_fit_what_becomes_of_them(self) -> Self:
        """Check what is made of the snapshots, and put every block where it becomes encrypted."""
        errors = list(problems(self.volumes, self.images))
        if errors:
            raise ValidationError.from_exception_data("Settings", errors, hide_input=True)
        encrypted = becoming_encrypted(self.volumes, self.images)
        if encrypted:
            volumes = (
                with_all_blocks(volume) if volume.label in encrypted else volume
                for volume in self.volumes
            )
            object.__setattr__(self, "volumes", tuple(volumes))  # it is being made
        return self

    @model_validator(mode="after")
    def _pauses_are_short_enough(self) -> Self:
        """Refuse a pause in which the service gives a pending snapshot up."""
        closed_min = 0.0 if self.window is None else self.window.closed_s / 60
        errors = [
            custom(
                f"expected more than the {closed_min:.0f} minutes for which `window` pauses: the "
                "service gives the snapshot up",
                ("volumes", index, "snapshot", "timeout_min"),
            )
            for index, volume in enumerate(self.volumes)
            if volume.snapshot.timeout_min is not None and volume.snapshot.timeout_min <= closed_min
        ]
        if errors:
            raise ValidationError.from_exception_data("Settings", errors, hide_input=True)
        return self


def _again(found: ErrorDetails) -> InitErrorDetails:
    """Return a finding in the form that can be raised again beside others."""
    facts = {"kind": found["type"], **found.get("ctx", {})}
    kind = PydanticCustomError("again", "{kind}", facts)
    return InitErrorDetails(type=kind, loc=found["loc"], input=found["input"])


def _miscounted(found: ErrorDetails, value: object) -> bool:
    """Return whether a list counts as too short only because its items are wrong."""
    return found["type"] == "too_short" and found["loc"] == () and bool(value)


Settings = JobSettings
"""The name that it had, for one release."""
