"""The section `snapshot` of a volume: attributes of the snapshot, as StartSnapshot takes them."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from bulkput.config.forms import (
    TAG_KEY_TEXT,
    ClientToken,
    Description,
    KmsKeyArn,
    SnapshotId,
    Tags,
)
from bulkput.config.paths import FilePath
from bulkput.config.quantity import VolumeSize
from bulkput.config.section import Section


def never(**together: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema that refuses keys which all have such values."""
    return {"not": {"properties": together, "required": sorted(together)}}


GIVEN: dict[str, Any] = {"not": {"type": "null"}}


def _rules_of_snapshots(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what the validators between keys check."""
    schema["allOf"] = [
        never(encrypted={"const": False}, kms_key_arn=GIVEN),
        never(encrypted=GIVEN, parent=GIVEN),
        never(kms_key_arn=GIVEN, parent=GIVEN),
        {
            "anyOf": [
                {"properties": {"parent_manifest": {"type": "null"}}},
                {"properties": {"parent": GIVEN}, "required": ["parent"]},
            ]
        },
    ]


class SnapshotSettings(Section, json_schema_extra=_rules_of_snapshots, defer_build=False):
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
        json_schema_extra=TAG_KEY_TEXT.of_keys(),
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
