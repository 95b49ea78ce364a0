"""What becomes of a snapshot after it is completed: shares, copies, a volume, a lock.

Owns the keys and what can be said of them before anything is sent. `images` have a file of their
own.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator

from bulkput.config.forms import TAG_KEY_TEXT, KmsKeyArn, Tags
from bulkput.config.section import Section
from bulkput.config.service import Region
from bulkput.config.text import Text


def _digits(value: object) -> object:
    """Return a number of 12 digits as the text that it is; YAML has both."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and len(str(value)) == 12 else value


AccountId = Annotated[
    str,
    Text("an account's number of 12 digits", r"^[0-9]{12}$", length_max=12),
    BeforeValidator(_digits),
]
Zone = Annotated[
    str,
    Text(
        "an Availability Zone such as eu-central-1a",
        r"^[a-z]{2,8}(-[a-z0-9]+)+-[0-9]{1,2}[a-z]?(-[a-z0-9-]+)?[a-z]$",
        length_max=64,
    ),
]
_Day = Annotated[
    str, Text("a date such as 2031-12-31", r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$", length_max=10)
]
VolumeType = Literal["gp3", "gp2", "io2", "io1", "st1", "sc1", "standard"]
# Limits of EC2 (CreateVolume); which of them a type takes, and together, EC2 reports.
Iops = Annotated[int, Field(ge=100, le=256_000)]
ThroughputMibPerS = Annotated[int, Field(ge=125, le=2000)]

_NO_COPY_OF_A_KEY = (
    "expected a key of the Region {region}: a copy is encrypted by a key of its own Region"
)
_COPIED_BY_EC2 = (
    "expected server: EC2 makes the copy itself (CopySnapshot), in every Region of the partition. "
    "To another partition or endpoint, `bulkput copy` carries a snapshot through this host"
)


class ShareSettings(Section, defer_build=False):
    """Accounts that a snapshot is shared with."""

    accounts: tuple[AccountId, ...] = Field(
        default=(),
        strict=False,
        description="Accounts that may make volumes of the snapshot. Accounts that it is shared "
        "with already are left as they are. A snapshot under the account's default key cannot be "
        "shared.",
    )
    public: bool = Field(
        default=False,
        description="Share the snapshot with everybody. Needs `--yes-public` on the command line; "
        "encrypted snapshots cannot be public.",
    )

    @property
    def is_wanted(self) -> bool:
        """Whether anybody is named."""
        return bool(self.accounts) or self.public


class NewVolumeSettings(Section):
    """A volume that is made of the snapshot."""

    availability_zone: Zone = Field(
        description="Availability Zone of the volume, in the snapshot's own Region.",
    )
    type: VolumeType = Field(
        default="gp3",
        description="Type of the volume.",
    )
    iops: Iops | None = Field(
        default=None,
        description="IOPS of the volume. If not given: the type's default.",
    )
    throughput: ThroughputMibPerS | None = Field(
        default=None,
        description="Throughput of a gp3 volume in MiB/s. If not given: 125.",
    )
    kms_key_arn: KmsKeyArn | None = Field(
        default=None,
        description="ARN of the KMS key to encrypt the volume with. If not given: as the snapshot "
        "is, or as the account's default says.",
    )
    tags: Tags = Field(
        default_factory=dict,
        json_schema_extra=TAG_KEY_TEXT.of_keys(),
        description="Tags of the volume, over those of the snapshot.",
    )


def _one_end(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what ``_one_of_both`` says."""
    ends = ("duration_days", "until")
    schema["oneOf"] = [
        {"required": [each], "properties": {each: {"not": {"type": "null"}}, other: null}}
        for each, other in (ends, ends[::-1])
        for null in ({"type": "null"},)
    ]


class LockSettings(Section, json_schema_extra=_one_end):
    """A lock under which nobody can delete the snapshot (LockSnapshot)."""

    mode: Literal["governance", "compliance"] = Field(
        description="`governance`: who has the permission may unlock the snapshot. `compliance`: "
        "nobody can, not even AWS, until the lock expires.",
    )
    duration_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        default=None,
        validate_default=True,
        description="Days for which the snapshot is locked, from the moment that it is.",
    )
    until: _Day | None = Field(
        default=None,
        description="Day, in UTC, to the beginning of which the snapshot is locked. Exactly one of "
        "`duration_days` and `until`.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.duration_days is None) == (self.until is None):
            raise ValueError("expected exactly one of `duration_days` and `until`")
        return self

    @field_validator("until")
    @classmethod
    def _is_a_day(cls, until: str | None) -> str | None:
        if until is not None:
            try:
                datetime.strptime(until, "%Y-%m-%d").replace(tzinfo=UTC)
            except ValueError:
                raise ValueError("expected a date such as 2031-12-31") from None
        return until


class RegionCopySettings(Section):
    """A copy of the snapshot in another Region."""

    region: Region = Field(
        description="Region of the copy.",
    )
    kms_key_arn: KmsKeyArn | None = Field(
        default=None,
        description="ARN of the copy's KMS key, in that Region. If not given: an encrypted "
        "snapshot's copy is under that Region's default key.",
    )
    tags: Tags = Field(
        default_factory=dict,
        json_schema_extra=TAG_KEY_TEXT.of_keys(),
        description="Tags of the copy, over those of the snapshot.",
    )

    by: Literal["server"] = Field(
        default="server",
        alias="copy",
        description="Who makes the copy: always EC2 (CopySnapshot), which reaches every Region of "
        "the partition. To another partition or endpoint, `bulkput copy` goes through this host.",
    )

    @field_validator("by", mode="before")
    @classmethod
    def _by_ec2(cls, by: object) -> object:
        if by != "server":
            raise ValueError(_COPIED_BY_EC2)
        return by

    @field_validator("kms_key_arn")
    @classmethod
    def _key_of_the_region(cls, arn: str | None, info: ValidationInfo) -> str | None:
        region = info.data.get("region")
        if arn is not None and region is not None and arn.split(":")[3] != region:
            raise ValueError(_NO_COPY_OF_A_KEY.format(region=region))
        return arn


def _each_once(regions: tuple[RegionCopySettings, ...]) -> tuple[RegionCopySettings, ...]:
    if len({each.region for each in regions}) < len(regions):
        raise ValueError("expected each Region once")
    return regions


RegionCopies = Annotated[tuple[RegionCopySettings, ...], AfterValidator(_each_once)]
"""Copies of a volume's or an image's snapshots, one a Region."""
