"""All that one volume asks for of its completed snapshot, in an order that a crash cannot spoil.

Copies take longest and are begun first; each step finds what an earlier run of it made.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.publish.account import Account
from bulkput.publish.copies import WantedCopy, describe_source, ensure_copy, wait_for_copy
from bulkput.publish.fast_restore import (
    ensure_fast_restore,
    not_yet_enabled,
    wait_for_fast_restore,
)
from bulkput.publish.lock import ensure_locked
from bulkput.publish.refusals import (
    require_no_encryption,
    require_public_snapshots,
    require_shareable_snapshot,
    require_zones_of_region,
)
from bulkput.publish.share import ensure_shared
from bulkput.publish.volume import ensure_volume

_LACKS_BLOCKS = (
    "the volume is encrypted, and the snapshot lacks blocks of zeros, which read as noise there: "
    "upload it again with `zeros: write`"
)


async def publish_snapshot(
    account: Account,
    snapshot_id: str,
    wanted: VolumeSettings,
    done: dict[str, Any],
    *,
    lacks_zeros: bool,
) -> None:
    """Carry out every step of ``wanted`` that is not done yet.

    Args:
        account: Where the snapshot is.
        snapshot_id: Completed.
        wanted: The volume's settings.
        done: Gets the result of each step as soon as there is one.
        lacks_zeros: Blocks of zeros were left out of the snapshot.

    Raises:
        BulkputError: a step cannot be done; those before it are.
    """
    require_zones_of_region(account, wanted)
    source = await describe_source(account, snapshot_id)
    copies = wanted_copies(snapshot_id, wanted)
    new_key = None if wanted.create_volume is None else wanted.create_volume.kms_key_arn
    if lacks_zeros and not source.get("Encrypted"):
        for copy in copies:
            await require_no_encryption(account, copy.region, copy.kms_key_arn, "regions")
        if new_key:
            raise ConfigError((Problem("create_volume.kms_key_arn", _LACKS_BLOCKS),))
    if wanted.share.is_wanted:
        await _require_shareable(account, source, public=wanted.share.public)
    begun = {copy: await ensure_copy(account, source, copy) for copy in copies}
    if begun:
        done["copies"] = {copy.region: copy_id for copy, copy_id in begun.items()}
    await _own_steps(account, source, wanted, done)
    await asyncio.gather(*(wait_for_copy(account, copy, begun[copy]) for copy in copies))


async def _own_steps(
    account: Account, source: Mapping[str, Any], wanted: VolumeSettings, done: dict[str, Any]
) -> None:
    """Do what concerns the snapshot's own Region."""
    snapshot_id = source["SnapshotId"]
    if wanted.share.is_wanted:
        await ensure_shared(account, snapshot_id, wanted.share)
        done["shared_with"] = [*wanted.share.accounts, *["all"] * wanted.share.public]
    if wanted.lock is not None:
        await ensure_locked(account, snapshot_id, wanted.lock)
        done["locked"] = wanted.lock.mode
    if wanted.fast_restore:
        await _restore_fast(account, source, wanted, done)
    if wanted.create_volume is not None:
        done["volume_id"] = await ensure_volume(account, source, wanted.create_volume)


async def _restore_fast(
    account: Account, source: Mapping[str, Any], wanted: VolumeSettings, done: dict[str, Any]
) -> None:
    """Enable fast restore; waited for before a volume is made, which is to have it."""
    snapshot_id, zones = source["SnapshotId"], wanted.fast_restore
    done["fast_restore"] = await ensure_fast_restore(account, snapshot_id, zones)
    if wanted.fast_restore_wait:
        done["fast_restore"] = await wait_for_fast_restore(account, source, zones)
    note = not_yet_enabled(account.region, snapshot_id, done["fast_restore"])
    if note is not None:
        account.note(note)


def wanted_copies(snapshot_id: str, wanted: VolumeSettings) -> list[WantedCopy]:
    """Return the copies that a volume asks for."""
    return [
        WantedCopy(snapshot_id, each.region, each.kms_key_arn, tuple(each.tags.items()))
        for each in wanted.regions
    ]


async def _require_shareable(account: Account, source: Mapping[str, Any], *, public: bool) -> None:
    """Return if a snapshot can be shared as it is wanted.

    Raises:
        ConfigError: it cannot, and EC2 would say so in the end.
    """
    if source.get("Encrypted"):
        if public:
            what = f"{source['SnapshotId']} is encrypted, and cannot be public"
            raise ConfigError((Problem("share.public", what),))
        await require_shareable_snapshot(account, account.region, source.get("KmsKeyId"), "share")
    if public:
        await require_public_snapshots(account, account.region, "share.public")
