"""A snapshot becomes another one, in another Region or account: got here, put there.

The upload's engine with a snapshot as its source: ledger, resume, pacing, seal and manifest are
those of every upload. Nothing of the blocks touches a disk.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from bulkput.config.copying import CopySettings
from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.copy.attributes import copied_attributes
from bulkput.jobs.copy.history import CopyRecord, CopyRecords
from bulkput.jobs.copy.incremental import Lineage, Search
from bulkput.jobs.copy.snapshot_source import SnapshotSource
from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot
from bulkput.jobs.lanes.pool import open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_copy
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.jobs.lanes.shared_calls import paced_gets
from bulkput.jobs.process.embedded_server import EmbeddedServer, embedded_server
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.session.connection import state_dir_of
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.open import open_context, open_snapshot_reader
from bulkput.jobs.session.snapshot_blocks import (
    WINDOW_BLOCKS,
    WINDOWS_AT_ONCE,
    SnapshotIdentity,
)
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.session.snapshots import require_snapshot_id
from bulkput.jobs.session.source import Opening
from bulkput.jobs.state.manifest_at_hand import find_manifest, held_to, presences
from bulkput.jobs.state.shelved import COPIES, is_newer_copy
from bulkput.jobs.upload.volume import upload_volume
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SnapshotError
from bulkput.model.events import Observer
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.pipeline.baseline import nothing_is_known
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.workers import ThreadWorkers

_LAGS_S = 900.0
"""EC2 shows completed up to a minute before the direct side shows a snapshot. One that was started
longer ago than this and is not found has been deleted."""


async def copy_snapshot(wanted: CopySettings, observer: Observer) -> VolumeOutcome:
    """Copy one snapshot and return what became of it; what goes wrong is in the outcome.

    After a cancellation nothing is under way and the ledger is closed: the same copy resumes.

    Raises:
        BulkputError: what can be known before the copy begins.
    """
    require_snapshot_id(wanted.snapshot_id)
    async with (
        _open_shared_server(wanted) as server,
        open_snapshot_reader(wanted.source, observer, server=server) as gets,
        _open_target(wanted, server, observer) as context,
    ):
        retrier = gets.new_retrier()
        found = await _completed(gets, wanted.snapshot_id, retrier)
        identity = _identity(wanted, found, gets)
        records = CopyRecords(context.state_dir)
        store = context.state_store
        if store is not None:
            await store.shelf.fetch_all(COPIES, is_newer_copy)
        lineage = Lineage(_record(context, identity, found))
        if not wanted.full:
            search = Search(lineage.record, found, gets, context, retrier)
            lineage = await search.lineage(records)
        await context.workers.run(partial(records.keep, lineage.record))
        volume = _volume(context.settings, identity, found, lineage.record)
        manifest = await context.workers.run(partial(_manifest, wanted, identity))
        progress = Progress(volume.label)
        get = gets.path(
            wanted.snapshot_id,
            retrier,
            progress,
            memory_budget_bytes=context.memory_budget_bytes,
        )
        expected = gets.expected(wanted.snapshot_id, found, volume.label, presences(manifest))
        source = SnapshotSource(identity, gets, held_to(get, manifest), retrier, expected)
        calls = paced_gets(
            CallKind.SOURCE_GETS,
            gets,
            get,
            progress,
            memory_budget_bytes=context.memory_budget_bytes,
        )
        copied = CopiedSnapshot(identity, source, calls, retrier.snapshot_started_s, manifest)
        opening = Opening(
            lambda: source,
            unwritten_is_undefined=found.encrypted,
            unchanged=nothing_is_known if lineage.changes is None else lineage.changes.unchanged,
            verifies_by_manifest=True,
        )
        try:
            async with open_lanes(parts_of_copy(context, wanted.source, gets)) as lanes:
                work = upload_volume(context, volume, opening, lanes, copied)
                outcome = await until_notice(context.clock, work, context.on_notice)
        finally:
            await source.aclose()
            if manifest is not None:
                manifest.close()
        if not outcome.exit_code:
            done = replace(lineage.record, copy_id=outcome.snapshot_id)
            await context.workers.run(partial(records.keep, done))
            if store is not None:
                await store.shelf.keep([f"{COPIES}/{records.path(done).name}"])
        return outcome


def _manifest(wanted: CopySettings, identity: SnapshotIdentity) -> Manifest | None:
    """Return what the state folder knows of the source."""
    return find_manifest(
        state_dir_of(wanted.source),
        identity.snapshot_id,
        region=identity.region,
        endpoint=wanted.source.endpoint,
    )


async def _completed(gets: SnapshotReader, snapshot_id: str, retrier: Retrier) -> SnapshotState:
    """Return what EC2 reports of the snapshot to copy.

    Raises:
        SnapshotError: it is not there, or not completed.
    """
    found = await gets.snapshots(retrier, snapshot_id).describe(snapshot_id)
    if found is None:
        raise SnapshotError(
            snapshot_id, f"EC2 does not know it in {gets.service.region} for this account"
        )
    if found.state != "completed":
        raise SnapshotError(
            snapshot_id, f"is in state {found.state}: only completed snapshots can be copied"
        )
    if gets.clock.unix_s() - found.start_unix_s < _LAGS_S:
        retrier.snapshot_started_s = gets.clock.monotonic_s()
    return found


def _identity(wanted: CopySettings, found: SnapshotState, gets: SnapshotReader) -> SnapshotIdentity:
    endpoint = wanted.source.endpoint
    return SnapshotIdentity(
        endpoint_url=None if endpoint == "aws" else endpoint,
        region=gets.service.region,
        snapshot_id=wanted.snapshot_id,
        volume_size_gib=found.volume_size_gib,
    )


def _record(context: JobContext, identity: SnapshotIdentity, found: SnapshotState) -> CopyRecord:
    asked = context.settings.volumes[0].snapshot
    return CopyRecord(
        source=identity,
        source_start_unix_s=found.start_unix_s,
        source_encrypted=found.encrypted,
        source_volume_id=found.volume_id,
        target_endpoint_url=context.endpoint_url,
        target_region=context.service.region,
        asked_encrypted=asked.encrypted,
        asked_kms_key_arn=asked.kms_key_arn,
    )


def _volume(
    settings: JobSettings, identity: SnapshotIdentity, found: SnapshotState, record: CopyRecord
) -> VolumeSettings:
    """Return the copy as a volume; a child takes its parent's encryption, and at least its size."""
    (volume,) = settings.volumes
    snapshot = copied_attributes(volume.snapshot, found)
    if record.parent_copy_id is not None:
        snapshot = snapshot.model_copy(
            update={
                "parent": record.parent_copy_id,
                "encrypted": None,
                "kms_key_arn": None,
                "volume_size_gib": volume.snapshot.volume_size_gib,
            }
        )
    return volume.model_copy(
        update={
            "name": identity.snapshot_id,
            "source": volume.source.model_copy(update={"path": identity.name}),
            "snapshot": snapshot,
        }
    )


@contextlib.asynccontextmanager
async def _open_shared_server(wanted: CopySettings) -> AsyncIterator[EmbeddedServer | None]:
    """Start one embedded server for both ends, where both are rehearsed."""
    if wanted.source.endpoint == wanted.target.endpoint == "embedded":
        async with embedded_server(state_dir_of(wanted.source) / "embedded") as server:
            yield server
    else:
        yield None


@contextlib.asynccontextmanager
async def _open_target(
    wanted: CopySettings, server: EmbeddedServer | None, observer: Observer
) -> AsyncIterator[JobContext]:
    """Open the target with as many threads as windows shall be under way."""
    tuning = wanted.target.tuning
    window_bytes = min(tuning.window_bytes, WINDOW_BLOCKS * BLOCK_SIZE_BYTES)
    settings = wanted.target.model_copy(
        update={"tuning": tuning.model_copy(update={"window_bytes": window_bytes})}
    )
    async with open_context(settings, observer, server=server) as context:
        workers = ThreadWorkers(WINDOWS_AT_ONCE)
        try:
            yield replace(context, workers=workers)
        finally:
            workers.close()
