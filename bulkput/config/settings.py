"""The whole configuration: `Settings`, frozen and checked, and the rules across its sections."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.functional_validators import BeforeValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from bulkput.config.paths import STANDARD_INPUT, FilePath
from bulkput.config.section import Section
from bulkput.config.text import Text
from bulkput.config.tuning import TuningSettings
from bulkput.config.volume import Name, VolumeSettings, source_label
from bulkput.model.address import is_clear_text, parse_address
from bulkput.model.host import is_loopback

VERSION = 1

Region = Annotated[
    str,
    Text("a Region such as eu-central-1", r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$", length_max=64),
]
Profile = Annotated[str, Text("a profile's name", "", length_max=255)]
Endpoint = Annotated[
    str,
    Text(
        "aws, embedded or a URL of scheme, host and port such as https://host:8443",
        r"^(aws|embedded|https?://[^/?#@\\\s]+/?)$",
        length_max=1024,
    ),
]


def _whole_version(value: object) -> object:
    if isinstance(value, bool) or value != VERSION:  # True equals 1
        raise ValueError(f"expected {VERSION}, the version of this format")
    return value


def _sections_together(schema: dict[str, Any]) -> None:
    """Say in JSON Schema what ``_volumes_fit_together`` says of samples."""
    no_sample = {
        "properties": {"source": {"properties": {"sample": {"type": "null"}}}},
    }
    schema["if"] = {
        "not": {"properties": {"endpoint": {"const": "embedded"}}, "required": ["endpoint"]}
    }
    schema["then"] = {"properties": {"volumes": {"items": no_sample}}}


class Settings(Section, json_schema_extra=_sections_together):
    """A job: where it goes, how, and one or more volumes."""

    version: Annotated[Literal[1], BeforeValidator(_whole_version)] = Field(
        description="Version of this format: 1.",
    )
    name: Name | None = Field(
        default=None,
        description="Name of the job in reports.",
    )
    region: Region | None = Field(
        default=None,
        description="AWS Region. If not given: AWS_REGION, AWS_DEFAULT_REGION, the profile's "
        "or the instance's.",
    )
    profile: Profile | None = Field(
        default=None,
        description="Profile in the AWS configuration files. If not given: AWS_PROFILE or the "
        "default profile. Never write credentials into a job file.",
    )
    # Before `endpoint`, whose check looks at it.
    allow_insecure_http: bool = Field(
        default=False,
        description="Allow an `http://` endpoint or source on another machine. Blocks and "
        "signatures are then sent unencrypted.",
    )
    endpoint: Endpoint = Field(
        default="aws",
        description="Where to send requests: `aws`, `embedded` (the server inside bulkput, for "
        "rehearsals), or one URL for EBS and EC2. `http://` is allowed for this "
        "machine only.",
    )
    state_dir: FilePath | None = Field(
        default=None,
        description="Folder for ledgers and everything else that a rerun needs. If not given: "
        "`$XDG_STATE_HOME/bulkput` or `~/.local/state/bulkput`. A relative path "
        "starts from the folder of the configuration file.",
    )
    # One after the other: a single volume already reaches the quota of most accounts.
    parallel: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1,
        description="How many volumes are uploaded at the same time.",
    )
    # 1 TiB full is 12.58 USD at it (AWS's price list, most Regions).
    usd_per_thousand_puts: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = Field(
        default=0.006,
        description="Price of 1000 puts in USD, for the forecast of `bulkput plan`. Change it "
        "where the Region's price differs.",
    )
    tuning: TuningSettings = Field(
        default_factory=TuningSettings,
        description="Limits and deadlines.",
    )
    volumes: Annotated[tuple[VolumeSettings, ...], Field(min_length=1)] = Field(
        strict=False,  # YAML has lists
        description="The volumes of the job, at least one.",
    )

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_safe(cls, endpoint: str, info: ValidationInfo) -> str:
        if endpoint in ("aws", "embedded"):
            return endpoint
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or port == 0:
            raise ValueError("expected aws, embedded or a URL such as https://host:port")
        if parts.scheme == "http" and not is_loopback(host):
            allowed = info.data.get("allow_insecure_http", True)
            if not allowed:
                raise ValueError(
                    "expected https: http is for this machine only, unless "
                    "`allow_insecure_http: true` is set"
                )
        return endpoint.rstrip("/")

    @field_validator("volumes", mode="wrap")
    @classmethod
    def _volumes_fit_together(
        cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Check each volume and what they have in common; all that is wrong is raised at once."""
        volumes, errors = None, []
        try:
            volumes = handler(value)
        except ValidationError as error:
            errors = [_again(found) for found in error.errors() if not _miscounted(found, value)]
        if isinstance(value, Sequence) and not isinstance(value, str):
            errors += _across(value, info.data.get("endpoint", "embedded"))
            if not info.data.get("allow_insecure_http", True):
                errors += _in_the_clear(value)
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors, hide_input=True)
        return volumes


def _again(found: ErrorDetails) -> InitErrorDetails:
    """Return a finding in the form that can be raised again beside others."""
    facts = {"kind": found["type"], **found.get("ctx", {})}
    kind = PydanticCustomError("again", "{kind}", facts)
    return InitErrorDetails(type=kind, loc=found["loc"], input=found["input"])


def _miscounted(found: ErrorDetails, value: object) -> bool:
    """Return whether a list counts as too short only because its items are wrong."""
    return found["type"] == "too_short" and found["loc"] == () and bool(value)


def _across(volumes: Sequence[object], endpoint: str) -> list[InitErrorDetails]:
    """Return what is wrong between ``volumes``, which may be unchecked data."""
    found = []
    first: dict[str, int] = {}
    first_of: dict[str, int] = {}
    for index, volume in enumerate(volumes):
        label, has_sample = _facts(volume)
        if label is not None and first.setdefault(label, index) != index:
            text = f"the same name as volumes[{first[label]}]: give each volume a `name` of its own"
            found.append(_custom(text, (index, "name")))
        if _path(volume) == STANDARD_INPUT and len(volumes) > 1:
            text = "standard input can be read once: make it the only volume of its job"
            found.append(_custom(text, (index, "source", "path")))
        series = _series(volume)
        if series is not None and first_of.setdefault(series, index) != index:
            text = f"the same series as volumes[{first_of[series]}]: give each its own series"
            found.append(_custom(text, (index, "series")))
        if has_sample and endpoint != "embedded":
            text = "only with `endpoint: embedded`: a sample is for rehearsal"
            found.append(_custom(text, (index, "source", "sample")))
    return found


def _in_the_clear(volumes: Sequence[object]) -> Iterator[InitErrorDetails]:
    """Yield what is wrong with addresses under which a disk would travel unencrypted."""
    for index, volume in enumerate(volumes):
        path = _path(volume)
        if isinstance(path, str) and path.startswith("http:"):
            with suppress(ValueError):  # told already
                if is_clear_text(parse_address(path)):
                    text = (
                        "expected https: http is for this machine only, unless "
                        "`allow_insecure_http: true` is set"
                    )
                    yield _custom(text, (index, "source", "path"))


def _custom(text: str, location: tuple[str | int, ...]) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("across", "{message}", {"message": text}), loc=location, input=None
    )


def _path(volume: object) -> object:
    """Return the source's path, of a volume or of data that may be anything."""
    if isinstance(volume, VolumeSettings):
        return volume.source.path
    source = volume.get("source") if isinstance(volume, Mapping) else None
    return source.get("path") if isinstance(source, Mapping) else source


def _series(volume: object) -> str | None:
    """Return the series of a volume or of data that may be anything."""
    if isinstance(volume, VolumeSettings):
        return volume.series
    series = volume.get("series") if isinstance(volume, Mapping) else None
    return series if isinstance(series, str) else None


def _facts(volume: object) -> tuple[str | None, bool]:
    """Return label and whether there is a sample, of a volume or of data that may be anything."""
    if isinstance(volume, VolumeSettings):
        return volume.label, volume.source.sample_bytes is not None
    if not isinstance(volume, Mapping):
        return None, False
    name, path, source = volume.get("name"), _path(volume), volume.get("source")
    has_sample = isinstance(source, Mapping) and source.get("sample") is not None
    if isinstance(name, str):
        return name, has_sample
    if isinstance(path, str) and path:
        return source_label(path), has_sample
    return (source_label(None) if has_sample and path is None else None), has_sample
