"""Files of an upload that other machines need too: its series, its parent's manifest, its own."""

from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.shelved import is_newer_series, manifest_name, series_name
from bulkput.jobs.upload.volume_state import VolumeRun


async def fetch_series(run: VolumeRun) -> None:
    """Bring what is known of the volume's series up to date, if it has one, and a store."""
    store, name = run.context.state_store, _series_name(run)
    if store is not None and name is not None:
        await store.shelf.fetch(name, is_newer_series)


async def fetch_manifest(context: JobContext, snapshot_id: str) -> None:
    """Bring the manifest of a snapshot, if there is none here."""
    if context.state_store is not None:
        await context.state_store.shelf.fetch_large(manifest_name(snapshot_id))


async def keep_manifest_of(context: JobContext, snapshot_id: str) -> None:
    """Let other machines have the manifest of a snapshot."""
    if context.state_store is not None:
        await context.state_store.shelf.keep([manifest_name(snapshot_id)])


async def keep_results(run: VolumeRun) -> None:
    """Let other machines have what the upload has left: the manifest, then the series.

    In this order: whoever finds the series finds the manifest that it builds on.
    """
    store, snapshot_id = run.context.state_store, run.progress.snapshot_id
    if store is None or snapshot_id is None:
        return
    series = _series_name(run)
    await store.shelf.keep([manifest_name(snapshot_id), *([] if series is None else [series])])


def _series_name(run: VolumeRun) -> str | None:
    context, name = run.context, run.volume.series
    if name is None:
        return None
    return series_name(name, endpoint_url=context.endpoint_url, region=context.service.region)
