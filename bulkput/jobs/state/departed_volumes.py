"""Volumes that a job had in its round and has no more: taken out of its file, or renamed.

A name is part of what an upload is found by, so a renamed volume is another upload.
"""

from collections.abc import Iterable
from contextlib import suppress

from bulkput.config.job_request import JobRequest
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.state.job_record import VolumeRecord, read_record, record_path
from bulkput.jobs.state.job_round import JobFolders
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import read_header
from bulkput.model.errors import BulkputError

_ALL_PUT = frozenset({LedgerPhase.SEALING, LedgerPhase.COMPLETED})


def departed_volumes(
    request: JobRequest, volumes: Iterable[VolumeSettings], folders: JobFolders
) -> list[tuple[str, str]]:
    """Return the labels of those whose snapshots nobody has reported, and what to know of each.

    Blocks. To be asked before the round is begun, whose record has them no more.
    """
    record = None
    with suppress(BulkputError):  # reported by who begins the round
        record = read_record(record_path(folders.state_dir, request.identity))
    if record is None or record.delivered:
        return []
    wanted = {folders.of(volume).name for volume in (*volumes, *request.left_out)}
    found = []
    for name, volume in record.volumes.items():
        header = None
        with suppress(BulkputError):  # it is on another host, or damaged
            header = read_header(folders.state_dir / name)
        text = None if name in wanted else _text(name, volume, header)
        if text is not None:
            found.append((volume.volume, text))
    return found


def _text(name: str, volume: VolumeRecord, header: LedgerHeader | None) -> str | None:
    snapshot_id, is_put = volume.snapshot_id, volume.status in {"completed", "pending"}
    if header is not None:
        snapshot_id, is_put = header.snapshot_id, header.phase in _ALL_PUT
    if snapshot_id is None or (header is not None and header.phase is LedgerPhase.FAILED):
        return None
    end = "completed, and kept" if is_put else f"unfinished: `bulkput abort {name}` gives it up"
    return f"the job has no volume of that name any more; its snapshot {snapshot_id} is {end}"
