"""The lease: while an upload works, it renews a time in its snapshot's tag.

No name separates a running upload from one whose state is lost: images and containers have the same
host name, machine id and folders, and all that lies in a folder is cloned with it. So what counts
is that somebody is at work, which only somebody who is can say. The tag that names the owner is
renewed with the time; ``bulkput gc`` takes no snapshot whose lease still runs, and none that is
young, which covers the time until the first renewal.

Without ec2:CreateTags there is no lease, but then the tag is missing too, by which ``gc`` finds
snapshots. Where it is allowed at a start only, the age alone protects.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bulkput.jobs.state.snapshot_tag import LEASE_S, OWNER_TAG_KEY, leased_tag, tags_with_owner
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import BulkputError

RENEW_S = LEASE_S / 6
"""10 min: five renewals may fail before the lease runs out."""

_RETRY_S = 15.0
"""After a renewal that failed, and twice as long after each further one: an upload that is gone on
with has no lease until one succeeds."""


@contextlib.asynccontextmanager
async def keep_lease(run: VolumeRun, ledger: Ledger, snapshot_id: str) -> AsyncIterator[None]:
    """Renew the lease on ``snapshot_id`` while the context lasts; nothing of it fails an upload."""
    tags = run.volume.snapshot.tags
    # A tag of that name that the user gave is the user's, and stays.
    if OWNER_TAG_KEY in tags or OWNER_TAG_KEY not in tags_with_owner(
        run.volume.snapshot, ledger.folder, run.context.store_address
    ):
        yield
        return
    renewing = asyncio.create_task(_renew(run, ledger, snapshot_id))
    try:
        yield
    finally:
        renewing.cancel()
        # Not suppressed: a cancellation of the upload itself that comes in this moment must count.
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(run: VolumeRun, ledger: Ledger, snapshot_id: str) -> None:
    context = run.context
    age_s = context.clock.unix_s() - ledger.header.created_unix_s
    # A snapshot that is gone on with is old, and its last lease may have run out.
    await context.clock.sleep(0.0 if age_s > RENEW_S else RENEW_S)
    retry_s = _RETRY_S
    while True:
        now_unix_s = context.clock.unix_s() + context.service.clock_offset_s
        tag = leased_tag(ledger.folder, now_unix_s, context.store_address)
        retry_s, wait_s = min(2 * retry_s, RENEW_S), retry_s
        with contextlib.suppress(BulkputError):
            await context.service.control.set_tag(snapshot_id, OWNER_TAG_KEY, tag)
            retry_s, wait_s = _RETRY_S, RENEW_S
        await context.clock.sleep(wait_s)
