"""What an upload is given: one frozen object, flat, as the flags of ``bulkput upload`` are.

Owns the names. What they mean, their limits and their defaults are the configuration's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from bulkput.config.flags import settings_from_options
from bulkput.config.settings import JobSettings
from bulkput.config.tuning import TuningSettings
from bulkput.model.disk_format import FormatChoice


@dataclass(frozen=True, kw_only=True)
class UploadOptions:
    """One disk and the snapshot that it becomes; what is not given is as the flags' default.

    Nothing is checked before it is used: ``upload`` and ``plan`` raise ``ConfigError`` with every
    problem, each by the name of its field. ``BULKPUT_`` variables do not count here; AWS's own do.
    """

    source: str | Path = field(kw_only=False)
    """A disk image or a block device; relative ones start from the current folder. Or
    ``s3://bucket/key`` or an ``https://`` address; or ``"-"``, standard input."""

    name: str | None = None
    """Of the volume in events; else the file name of the source. Part of what a rerun finds its
    own snapshot by."""
    format: FormatChoice = "auto"
    allow_backing_file: bool = False
    allow_mounted: bool = False
    allow_trailing_data: bool = False
    reader: Literal["auto", "mmap", "preadv"] = "auto"

    volume_size_gib: int | None = None
    """Else the source's, rounded up; needed where that is not known beforehand."""
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    encrypted: bool | None = None
    """None leaves it to the account's default."""
    kms_key_arn: str | None = None
    parent: str | None = None
    """A completed snapshot, of which only what differs is put."""
    parent_manifest: str | Path | None = None
    """The parent's; else the one in ``state_dir``, and if there is none, the parent is read."""
    series: str | None = None
    """Name of a series: every call makes the next increment of the last completed snapshot."""
    client_token: str | None = None
    timeout_min: int | None = None
    wait: bool = True
    """Return when EC2 reports ``completed``; else after CompleteSnapshot."""

    share: Sequence[str] = ()
    """Accounts that may make volumes of the snapshot."""
    public: bool = False
    """Everybody may; whoever writes this means it."""
    create_volume: str | None = None
    """Availability Zone of a gp3 volume that is made of the snapshot."""
    fast_restore: Sequence[str] = ()
    """Availability Zones."""
    fast_restore_wait: bool = False
    """Wait until it is enabled in all of them."""
    lock: Literal["governance", "compliance"] | None = None
    """With ``lock_days``."""
    lock_days: int | None = None
    copy_to: Sequence[str] = ()
    """Regions of copies that EC2 makes: ``eu-west-1``, or ``eu-west-1=KEY_ARN``."""

    zeros: Literal["auto", "write", "skip-holes", "skip"] = "auto"
    resume: Literal["auto", "trust", "verify"] = "auto"
    on_failure: Literal["keep", "delete"] = "keep"
    allow_changing_source: bool = False
    verify: Literal["none", "sample", "full"] = "none"
    """``full``: read the snapshot back and compare every byte; ``sample``: ``verify_sample`` of it.
    """
    verify_sample: str | int = "1GiB"

    region: str | None = None
    """Else AWS_REGION, the profile, the instance."""
    profile: str | None = None
    endpoint_url: str | None = None
    """One URL of EBS and EC2, or ``embedded``; None for AWS's own."""
    allow_insecure_http: bool = False
    state_dir: str | Path | None = None
    """Folder for ledgers, which an interrupted call needs to resume."""
    state_store: str | None = None
    """``s3://bucket/prefix``: where state is kept too, so that another machine can go on."""
    usd_per_thousand_puts: float | None = None
    tuning: TuningSettings = field(default_factory=TuningSettings)
    """Limits and deadlines, by the keys of the YAML section ``tuning``."""

    @property
    def settings(self) -> JobSettings:
        """The job of this one volume, checked.

        Raises:
            ConfigError: with every problem, each by the name of its field.
        """
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return settings_from_options(given)
