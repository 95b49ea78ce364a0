"""One volume of a job: its source, its snapshot, and what is done with both."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from bulkput.config.fleet import PlacementSettings
from bulkput.config.forms import Name
from bulkput.config.naming import source_label
from bulkput.config.paths import STANDARD_INPUT
from bulkput.config.publishing import (
    LockSettings,
    NewVolumeSettings,
    RegionCopies,
    ShareSettings,
    Zone,
)
from bulkput.config.quantity import Size
from bulkput.config.section import Section
from bulkput.config.snapshot_section import GIVEN, SnapshotSettings, never
from bulkput.config.source_section import SourceSettings
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.zeros import ZeroPolicy


def _rules_of_series(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what ``_series_finds_its_parent`` checks."""
    refused = {"parent": GIVEN, "client_token": GIVEN, "wait": {"const": False}}
    schema["allOf"] = [
        never(series=GIVEN, snapshot={"properties": {key: value}, "required": [key]})
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
    share: ShareSettings = Field(
        default_factory=ShareSettings,
        description="Who else may use the snapshot.",
    )
    create_volume: NewVolumeSettings | None = Field(
        default=None,
        description="Make a volume of the snapshot.",
    )
    fast_restore: tuple[Zone, ...] = Field(
        default=(),
        strict=False,
        description="Availability Zones in which fast snapshot restore is enabled. Costs 0.75 USD "
        "an hour for each zone (us-east-1, autumn 2026), for as long as it is enabled.",
    )
    # Off: an hour for each TiB, in which the host costs money and the snapshot is whole already.
    fast_restore_wait: bool = Field(
        default=False,
        description="Wait until fast snapshot restore is enabled in all of these zones, before a "
        "volume is made of the snapshot. Takes EC2 60 minutes for each TiB.",
    )
    lock: LockSettings | None = Field(
        default=None,
        description="Lock the snapshot, so that it cannot be deleted.",
    )
    regions: RegionCopies = Field(
        default=(),
        strict=False,
        description="Copies of the snapshot in other Regions, made by EC2 itself (CopySnapshot).",
    )
    placement: PlacementSettings = Field(
        default_factory=PlacementSettings,
        description="Which hosts of a fleet may upload the volume (`bulkput fleet run`).",
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

    @property
    def is_published(self) -> bool:
        """Whether anything is to be done with the snapshot once it is completed."""
        steps = (self.create_volume, self.fast_restore, self.lock, self.regions)
        return self.share.is_wanted or any(steps)

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
