"""One volume of a job: its source and the attributes of its snapshot."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from bulkput.config.naming import LETTERS, shown_source, source_label
from bulkput.config.paths import STANDARD_INPUT, FilePath, SourcePlace
from bulkput.config.quantity import Size, VolumeSize
from bulkput.config.section import Section
from bulkput.config.text import Text
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.disk_format import FormatChoice
from bulkput.model.snapshot_id import (
    SNAPSHOT_ID_EXPECTED,
    SNAPSHOT_ID_MAX_CHARS,
    SNAPSHOT_ID_PATTERN,
)
from bulkput.model.zeros import ZeroPolicy

Name = Annotated[
    str,
    Text(
        "a name of letters, digits, `.`, `_` and `-`, at most 100",
        f"^[{LETTERS}][{LETTERS}.-]*$",
        length_max=100,
    ),
]
"""A name of a volume or job, in any script: safe in a file name, in a log line and in a shell."""

# Limits of StartSnapshot (service model 2019-11-02) from here on.
_NOT_AWS = r"^([^aA]|[aA]([^wW]|$)|[aA][wW]([^sS]|$)|[aA][wW][sS]([^:]|$))"
_TAG_KEY = Text(
    "a tag key of 1 to 127 characters without the prefix aws:", _NOT_AWS, length_max=127
)
TagKey = Annotated[str, _TAG_KEY]
TagValue = Annotated[str, Text("text of at most 255 characters", "", length_max=255, length_min=0)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=50)]
Description = Annotated[str, Text("text of 1 to 255 characters", "", length_max=255)]
KmsKeyArn = Annotated[
    str,
    Text(
        "a key's ARN such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-...",
        r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        length_max=2048,
    ),
]
SnapshotId = Annotated[
    str, Text(SNAPSHOT_ID_EXPECTED, SNAPSHOT_ID_PATTERN, length_max=SNAPSHOT_ID_MAX_CHARS)
]
# The service takes 255 characters; 15 are left for the number of the attempt.
ClientToken = Annotated[
    str,
    Text("1 to 240 printable ASCII characters without spaces", r"^[!-~]+$", length_max=240),
]


def _exclusive_source(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [
        {
            "required": [chosen],
            "properties": {chosen: {"not": {"type": "null"}}, other: {"type": "null"}},
        }
        for chosen, other in (("path", "sample"), ("sample", "path"))
    ]


def _path_or_section(schema: dict[str, Any]) -> None:
    _exclusive_source(schema)
    section = dict(schema)
    schema.clear()
    path = {"type": "string", "minLength": 1, "maxLength": 4095, "description": "The path."}
    schema["anyOf"] = [path, section]


class SourceSettings(Section, json_schema_extra=_path_or_section):
    """What is read. A plain text instead of the section is its `path`."""

    path: SourcePlace | None = Field(
        default=None,
        description="The disk image or block device (`~` is the home folder; a relative path "
        "starts from the folder of the configuration file), `s3://bucket/key`, an "
        "`https://` address, or `-` for standard input.",
    )
    # ext4 with a journal needs 8 MiB.
    sample_bytes: Annotated[int, Size(8 << 20, 64 << 30)] | None = Field(
        default=None,
        alias="sample",
        validate_default=True,
        description="Instead of reading `path`, make a sample disk image of about this size. "
        "Only with `endpoint: embedded`.",
    )
    # Sending qcow2 and the like as raw is the commonest mistake, so content is looked at.
    format: FormatChoice = Field(
        default="auto",
        description="Format of the source. `auto` detects it by the content and refuses archives; "
        "`raw` takes every file as it is; any other value must match the content. `gzip`, `xz` "
        "and `zstd` are a compressed raw disk and need `volume_size_gib`; images from `qcow2` to "
        "`vdi` need QEMU's `qemu-nbd`.",
    )
    # Off: an image decides what it names, and who reads it should.
    allow_backing_file: bool = Field(
        default=False,
        description="Allow a qcow2 image to read the backing files that its header names.",
    )
    # What is written while it is read makes a disk that never was.
    allow_mounted: bool = Field(
        default=False,
        description="Read the source even if others may write to it: a device that is mounted or "
        "otherwise in use, a file that a program has open for writing, has locked, or that is "
        "attached as a loop device.",
    )
    # Off: what follows a compressed disk may be the rest of it, which a copy spoiled.
    allow_trailing_data: bool = Field(
        default=False,
        description="Accept other data after the end of a gzip, xz or zstd stream, and leave it "
        "out. Padding with zeros is always accepted.",
    )
    reader: Literal["auto", "mmap", "preadv"] = Field(
        default="auto",
        description="How the source is read: `mmap` (memory maps, no copy) or `preadv` (into "
        "pooled buffers). `auto` uses maps where the kernel has MADV_POPULATE_READ.",
    )

    @property
    def shown(self) -> str:
        """What it is called wherever it is reported."""
        return shown_source(self.path)

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("sample_bytes")
    @classmethod
    def _path_or_sample(cls, sample_bytes: int | None, info: ValidationInfo) -> int | None:
        if "path" in info.data and (info.data["path"] is None) == (sample_bytes is None):
            raise ValueError("expected exactly one of `path` and `sample`")
        return sample_bytes


def _never(**together: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema that refuses keys which all have such values."""
    return {"not": {"properties": together, "required": sorted(together)}}


_GIVEN: dict[str, Any] = {"not": {"type": "null"}}


def _rules_of_snapshots(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what the validators between keys say."""
    schema["allOf"] = [
        _never(encrypted={"const": False}, kms_key_arn=_GIVEN),
        _never(encrypted=_GIVEN, parent=_GIVEN),
        _never(kms_key_arn=_GIVEN, parent=_GIVEN),
        {
            "anyOf": [
                {"properties": {"parent_manifest": {"type": "null"}}},
                {"properties": {"parent": _GIVEN}, "required": ["parent"]},
            ]
        },
    ]


class SnapshotSettings(Section, json_schema_extra=_rules_of_snapshots):
    """The snapshot's attributes, as StartSnapshot takes them."""

    volume_size_gib: Annotated[int, VolumeSize()] | None = Field(
        default=None,
        description="Size of the volume in GiB, or with a unit, such as `1TiB`. If not given: the "
        "source's, rounded up. Required where that is not known in advance: compressed disks, "
        "standard input.",
    )
    description: Description | None = Field(
        default=None,
        description="Description of the snapshot.",
    )
    tags: Tags = Field(
        default_factory=dict,
        json_schema_extra=_TAG_KEY.of_keys(),
        description="Tags of the snapshot. Keys must not begin with `aws:`.",
    )
    encrypted: bool | None = Field(
        default=None,
        description="Encrypt with `kms_key_arn` or the default key. If not given, the "
        "account's setting decides.",
    )
    kms_key_arn: KmsKeyArn | None = Field(
        default=None,
        description="ARN of the KMS key to encrypt with. Not together with `encrypted: false`.",
    )
    parent: SnapshotId | None = Field(
        default=None,
        description="A completed snapshot of the same account and Region. Only blocks that "
        "differ from it are put. The new snapshot is encrypted as its parent is, "
        "so not together with `encrypted` or `kms_key_arn`.",
    )
    parent_manifest: FilePath | None = Field(
        default=None,
        description="The manifest of `parent`. If not given: the one in `state_dir`. If there "
        "is none, the parent is read.",
    )
    timeout_min: Annotated[int, Field(ge=10, le=4320)] | None = Field(
        default=None,
        description="Minutes without a put after which the service discards the unfinished "
        "snapshot. Until then an interrupted upload can be resumed. If not given: "
        "4320, the maximum.",
    )
    client_token: ClientToken | None = Field(
        default=None,
        description="Client token of StartSnapshot. If not given, one is derived from the "
        "source, so that a rerun finds its own snapshot. A run after that snapshot "
        "has ended appends `-2` to the token, and so on.",
    )
    # On: a pending snapshot whose ledger is lost counts against the account's limit of 100.
    mark: bool = Field(
        default=True,
        description="Tag the snapshot with `bulkput` and the location of its ledger, so that "
        "`bulkput gc` finds it if the ledger is lost. Left out if ec2:CreateTags "
        "is not allowed, and with a `client_token`.",
    )
    # A snapshot is proved good only by its state `completed`: CompleteSnapshot checks nothing.
    wait: bool = Field(
        default=True,
        description="Wait until the snapshot is `completed`.",
    )

    @field_validator("kms_key_arn")
    @classmethod
    def _key_encrypts(cls, kms_key_arn: str | None, info: ValidationInfo) -> str | None:
        if kms_key_arn is not None and info.data.get("encrypted") is False:
            raise ValueError("cannot be given with `encrypted: false`: remove one of the two")
        return kms_key_arn

    @field_validator("parent")
    @classmethod
    def _parent_encrypts(cls, parent: str | None, info: ValidationInfo) -> str | None:
        for key in ("encrypted", "kms_key_arn"):
            if parent is not None and info.data.get(key) is not None:
                raise ValueError(
                    f"cannot be given with `{key}`: a snapshot with a parent is encrypted as that "
                    "is; remove one of the two"
                )
        return parent

    @field_validator("parent_manifest")
    @classmethod
    def _manifest_of_parent(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.data.get("parent", "") is None:
            raise ValueError("expected only with `parent`, whose manifest it is")
        return path

    @property
    def asks_for_encryption(self) -> bool:
        """Whether the snapshot is encrypted whatever the account's default."""
        return bool(self.encrypted) or self.kms_key_arn is not None


def _rules_of_series(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what ``_series_finds_its_parent`` checks."""
    refused = {"parent": _GIVEN, "client_token": _GIVEN, "wait": {"const": False}}
    schema["allOf"] = [
        _never(series=_GIVEN, snapshot={"properties": {key: value}, "required": [key]})
        for key, value in refused.items()
    ]


class VolumeSettings(Section, json_schema_extra=_rules_of_series):
    """One source and the snapshot that it becomes."""

    name: Name | None = Field(
        default=None,
        description="Name of the volume in reports, unique in the job. If not given: the file "
        "name of its source.",
    )
    source: SourceSettings = Field(
        description="What is read: a path, or a section.",
    )
    snapshot: SnapshotSettings = Field(
        default_factory=SnapshotSettings,
        description="Attributes of the snapshot.",
    )
    series: Name | None = Field(
        default=None,
        description="Name of a series. The first run makes a full snapshot, and every later "
        "run makes an increment of the last completed one. Not together with "
        "`snapshot.parent`, `client_token` or `wait: false`.",
    )
    zeros: ZeroPolicy = Field(
        default=ZeroPolicy.AUTO,
        strict=False,  # the enumeration is written as its text
        description="Which blocks of zeros are put: `write` all, `skip-holes` all except "
        "holes, `skip` none; `auto` works as `write` if the snapshot is or becomes "
        "encrypted, otherwise as `skip`.",
    )
    # A file mostly reports when it changed, so its ledger can be believed; a device does not.
    resume: Literal["auto", "trust", "verify"] = Field(
        default="auto",
        description="What a rerun does with blocks that the ledger records as sent: `trust` "
        "skips them if the source is unchanged, `verify` reads and compares them; "
        "`auto` trusts files on file systems that report every change (ext2 to ext4, XFS, Btrfs) "
        "and verifies everything else.",
    )
    # Keeping costs nothing until it completes, and is what a rerun goes on with.
    on_failure: Literal["keep", "delete"] = Field(
        default="keep",
        description="What to do with the pending snapshot when the volume fails or is "
        "interrupted: `keep` it for a rerun, or `delete` it.",
    )
    # Off: the snapshot of a source that changed meanwhile is of no single moment.
    allow_changing_source: bool = Field(
        default=False,
        description="Complete the snapshot even if the source changed while it was read. Each "
        "block is then as it was when it was put.",
    )
    # Off: reading back costs half of what the puts cost, and the checksum already covers them.
    verify: Literal["none", "sample", "full"] = Field(
        default="none",
        description="What is read back and compared with the source after the snapshot is "
        "completed: `none`, a random `sample` of `verify_sample` bytes, or `full`, "
        "all of it.",
    )
    # 2048 blocks: damage of one block in 500 is missed once in 60 times; 0.006 USD of gets.
    verify_sample_bytes: Annotated[int, Size(BLOCK_SIZE_BYTES, 64 << 40)] = Field(
        default=1 << 30,
        alias="verify_sample",
        description="How much data `verify: sample` compares, rounded up to whole blocks of "
        "512KiB. Only blocks with data count.",
    )

    @field_validator("verify")
    @classmethod
    def _readable_again(cls, verify: str, info: ValidationInfo) -> str:
        source = info.data.get("source")
        if verify != "none" and source is not None and source.path == STANDARD_INPUT:
            raise ValueError("expected none: standard input cannot be read a second time")
        return verify

    @field_validator("series")
    @classmethod
    def _series_finds_its_parent(cls, series: str | None, info: ValidationInfo) -> str | None:
        snapshot = info.data.get("snapshot")
        if series is None or snapshot is None:
            return series
        for key, is_given in (
            ("parent", snapshot.parent is not None),
            ("client_token", snapshot.client_token is not None),
            ("wait: false", not snapshot.wait),
        ):
            if is_given:
                raise ValueError(
                    f"cannot be given with `snapshot.{key}`: a series finds its parents and tokens "
                    "by itself, and builds on completed snapshots only"
                )
        return series

    _label: str | None = PrivateAttr(default=None)

    @property
    def label(self) -> str:
        """What the volume is called wherever it is reported, unlike any other of its job."""
        return self._label or self.own_label

    @property
    def own_label(self) -> str:
        """The name, given or taken from the source, whatever other volumes its job has.

        What a rerun finds its ledger by: a volume that is added must not rename this one there.
        """
        return self.name or source_label(self.source.path)

    def called(self, label: str) -> Self:
        """Return this volume, reported as ``label``."""
        if label == self.label:
            return self
        volume = self.model_copy()
        volume._label = label  # noqa: SLF001 - its own
        return volume
