"""What the emulated account has beside snapshots: a shelf for each kind.

Owns the records of these kinds. Their states follow from the record and the time, as a snapshot's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.emulator.shelf import Shelf

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Image:
    """An AMI."""

    name: str
    """Its id; what the user calls it is ``title``."""
    region: str
    title: str
    created_unix_s: float
    available_unix_s: float
    """Until then it is pending."""
    attributes: dict[str, Any]
    """What RegisterImage was given, by DescribeImages' names."""
    mappings: tuple[dict[str, Any], ...]
    """Block device mappings by DescribeImages' names."""
    tags: Tags = ()
    launch_permissions: tuple[str, ...] = ()
    """``all``, accounts, and ARNs of organizations and organizational units."""
    deprecate_unix_s: float | None = None
    uefi_data: str | None = None
    client_token: str | None = None
    request: str = ""
    """CopyImage's parameters in one text."""
    failure: str = ""
    """Why it will be ``failed`` instead of available."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """An EBS volume."""

    name: str
    region: str
    created_unix_s: float
    available_unix_s: float
    attributes: dict[str, Any]
    """By DescribeVolumes' names."""
    tags: Tags = ()
    client_token: str | None = None
    request: str = ""


@dataclass(frozen=True, kw_only=True)
class FastRestore:
    """Fast snapshot restores of one snapshot in one Availability Zone."""

    name: str
    """Snapshot id and zone, joined by a slash."""
    region: str
    started_unix_s: float
    enabled_unix_s: float
    disabled_unix_s: float | None = None
    """When disabling it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A snapshot's lock."""

    name: str
    """The snapshot's id."""
    region: str
    mode: str
    created_unix_s: float
    duration_start_unix_s: float
    expires_unix_s: float
    cool_off_hours: int | None = None
    cool_off_until_unix_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of Systems Manager."""

    name: str
    region: str
    value: str
    kind: str
    data_type: str
    version: int
    modified_unix_s: float
    description: str | None = None
    tags: Tags = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an account sets for a Region."""

    name: str
    """The Region."""
    region: str
    image_block: str = "unblocked"
    snapshot_block: str = "unblocked"
    encryption_by_default: bool | None = None
    """None: as the emulator was started."""
    default_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance: only as what keeps an image from being pruned."""

    name: str
    region: str
    image_id: str
    kind: str
    zone: str
    launched_unix_s: float
    terminated_unix_s: float | None = None
    tags: Tags = ()


@dataclass(frozen=True, kw_only=True)
class LaunchTemplate:
    """A launch template with the data of each version."""

    name: str
    """Its id; what the user calls it is ``title``."""
    region: str
    title: str
    created_unix_s: float
    versions: tuple[dict[str, Any], ...]
    default_version: int = 1
    tags: Tags = ()


class Resources:
    """All shelves under one root folder."""

    def __init__(self, root: Path) -> None:
        """Open each shelf.

        Raises:
            OSError: a folder cannot be made or read.
        """
        self.images = Shelf(root / "images", Image)
        self.volumes = Shelf(root / "volumes", Volume)
        self.fast_restores = Shelf(root / "fast-restores", FastRestore)
        self.locks = Shelf(root / "locks", Lock)
        self.parameters = Shelf(root / "parameters", Parameter)
        self.settings = Shelf(root / "settings", Settings)
        self.instances = Shelf(root / "instances", Instance)
        self.launch_templates = Shelf(root / "launch-templates", LaunchTemplate)

    def settings_of(self, region: str) -> Settings:
        """Return a Region's settings, or the defaults."""
        return self.settings.get(region, region) or Settings(name=region, region=region)
