"""The rules of size, parent, encryption and zeros that an upload and its plan go by. Pure."""

from pathlib import Path

from bulkput.config.volume import VolumeSettings
from bulkput.model import block
from bulkput.model.errors import ConfigError, Problem
from bulkput.model.zeros import ZeroPolicy


def require_source_fits(volume: VolumeSettings, path: Path | str, size_bytes: int) -> None:
    """Return if the volume, of the size that is configured, can hold the source.

    Raises:
        ConfigError: it cannot.
    """
    wanted_gib, needed_gib = volume.snapshot.volume_size_gib, block.volume_size_gib(size_bytes)
    if wanted_gib is not None and wanted_gib < needed_gib:
        what = f"{path} needs {needed_gib} GiB, the volume has {wanted_gib}"
        raise ConfigError((Problem("snapshot.volume_size_gib", what),))


def require_parent_fits(volume: VolumeSettings, parent_id: str, parent_gib: int) -> None:
    """Return if the volume, of the size that is configured, can be a child of the parent.

    Raises:
        ConfigError: it would be smaller.
    """
    wanted_gib = volume.snapshot.volume_size_gib
    if wanted_gib is not None and wanted_gib < parent_gib:
        what = (
            f"{wanted_gib} GiB are less than the {parent_gib} GiB of the parent {parent_id}: a "
            "child's volume cannot be smaller than its parent's"
        )
        raise ConfigError((Problem("snapshot.volume_size_gib", what),))


def volume_size_gib(volume: VolumeSettings, size_bytes: int, parent_gib: int = 0) -> int:
    """Return the volume's size: as configured, or as the source needs, at least its parent's.

    Args:
        volume: Its settings.
        size_bytes: Of the source.
        parent_gib: Of the parent's volume; 0 of a full snapshot.
    """
    needed_gib = max(block.volume_size_gib(size_bytes), parent_gib)
    return volume.snapshot.volume_size_gib or needed_gib


def blocks_to_consider(source_blocks: int, parent_stop: int = 0) -> int:
    """Return how many blocks are looked at: what a parent has behind the end must become zeros.

    Args:
        source_blocks: Of the source.
        parent_stop: One past the parent's last block; 0 of a full snapshot.
    """
    return max(source_blocks, parent_stop)


def is_to_be_encrypted(volume: VolumeSettings, *, parent_encrypted: bool | None) -> bool:
    """Return whether the snapshot is encrypted as far as it is known before it is started.

    Args:
        volume: Its settings.
        parent_encrypted: A child is encrypted as its parent; None of a full snapshot, and where
            nothing is known of the parent.
    """
    if parent_encrypted is not None:
        return parent_encrypted
    return volume.snapshot.asks_for_encryption


def may_hold_unknown(volume: VolumeSettings, started_under: ZeroPolicy) -> bool:
    """Return whether an unknown run may have put blocks into the snapshot that is gone on with.

    Only a token that the user gave leads to such a snapshot, and it is put completely.

    Args:
        volume: Its settings.
        started_under: The policy in the ledger.
    """
    return volume.snapshot.client_token is not None and started_under is ZeroPolicy.WRITE


def zeros_to_go_on_with(volume: VolumeSettings, started_under: ZeroPolicy) -> ZeroPolicy:
    """Return the policy for the rest: as configured, or every block where another may be."""
    return ZeroPolicy.WRITE if may_hold_unknown(volume, started_under) else volume.zeros
