"""A snapshot is copied to another Region or account."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from bulkput.api.observer import OnEvent, observer_of
from bulkput.config.copying import CopySettings, copy_from_options
from bulkput.config.tuning import TuningSettings
from bulkput.model.outcome import VolumeOutcome


@dataclass(frozen=True, kw_only=True)
class CopyOptions:
    """A completed snapshot, and the one that it becomes. Nothing is checked before it is used."""

    snapshot_id: str = field(kw_only=False)

    region: str | None = None
    """Of the snapshot; else AWS_REGION, the profile, the instance."""
    profile: str | None = None
    endpoint_url: str | None = None
    to_region: str | None = None
    """Of the copy; else the profile's if one is given, else the snapshot's."""
    to_profile: str | None = None
    """Else the snapshot's."""
    to_endpoint_url: str | None = None
    """Else the snapshot's."""
    allow_insecure_http: bool = False

    volume_size_gib: int | None = None
    """Else the snapshot's, as the three after it."""
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Laid over the snapshot's."""
    encrypted: bool | None = None
    """None: encrypted if the snapshot is, else as the account encrypts by default."""
    kms_key_arn: str | None = None
    timeout_min: int | None = None
    zeros: Literal["auto", "write", "skip-holes", "skip"] = "auto"
    full: bool = False
    """Copy all blocks, though an earlier copy could be the parent."""

    wait: bool = True
    on_failure: Literal["keep", "delete"] = "keep"
    verify: Literal["none", "sample", "full"] = "none"
    """Read the copy back and compare it with the digests of what was put."""
    state_dir: str | Path | None = None
    state_store: str | None = None
    tuning: TuningSettings = field(default_factory=TuningSettings)

    @property
    def settings(self) -> CopySettings:
        """Both ends, checked.

        Raises:
            ConfigError: with every problem at one end, each by the name of its field.
        """
        return copy_from_options({each.name: getattr(self, each.name) for each in fields(self)})


async def copy(options: CopyOptions, *, on_event: OnEvent | None = None) -> VolumeOutcome:
    """Copy one snapshot and return what became of it. Resumes and raises as ``upload`` does.

    Raises:
        BulkputError: as ``upload``; a ``SourceError`` if the snapshot is deleted meanwhile.
    """
    from bulkput.api.delivery import mark_delivered  # noqa: PLC0415 - only a copy pays

    settings = options.settings
    outcome = await copy_undelivered(settings, on_event=on_event)
    mark_delivered(settings.target, (outcome,))
    if outcome.cause is not None:
        raise outcome.cause
    return outcome


async def copy_undelivered(
    settings: CopySettings, *, on_event: OnEvent | None = None
) -> VolumeOutcome:
    """Copy, leave what goes wrong to the outcome, and the mark of delivery to the caller."""
    from bulkput.jobs.copy.copy_snapshot import copy_snapshot  # noqa: PLC0415 - only a copy pays

    return await copy_snapshot(settings, observer_of(on_event))
