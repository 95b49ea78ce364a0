"""What a state store has of jobs, and where it says more of an upload than this host does."""

from collections.abc import Sequence
from pathlib import Path

from bulkput.jobs.state.job_record import SIZE_MAX_BYTES, JobRecord, decode_record, read_records
from bulkput.jobs.stored import StoredUpload
from bulkput.ledger.mirror_record import read_mirror_record
from bulkput.store.object_store import ObjectStore
from bulkput.store.take_up import local_ledger
from bulkput.store.which import StoredLedger, Take, which

_FOLDER = "jobs/"


async def read_stored_records(store: ObjectStore) -> list[JobRecord]:
    """Return the records of all jobs in the store; damaged ones are left out.

    Raises:
        BulkputError: the store cannot be read.
    """
    found = []
    async for each in store.list_objects(_FOLDER):
        stored = await store.get(each.key, size_max_bytes=SIZE_MAX_BYTES)
        record = None if stored is None else decode_record(stored.content)
        if record is not None:
            found.append(record)
    return found


def newest_records(state_dir: Path, stored: Sequence[JobRecord]) -> list[JobRecord]:
    """Return the records of all jobs, of this host and of the store, by name. Blocks.

    Raises:
        LedgerError: the state folder cannot be read.
    """
    newest: dict[str, JobRecord] = {}
    for each in (*read_records(state_dir), *stored):
        known = newest.get(each.job_id)
        if known is None or each.updated_unix_s > known.updated_unix_s:
            newest[each.job_id] = each
    return sorted(newest.values(), key=lambda record: (record.name, record.job_id))


def is_further(upload: StoredUpload, state_dir: Path) -> bool:
    """Return whether the store says more of an upload than its folder here. Blocks.

    So it is where there is no ledger here, another host works on it, or one went on with it.
    """
    if upload.cut is None or upload.header is None:
        return False
    folder = state_dir / upload.name
    own = read_mirror_record(folder)
    writer_id = upload.cut.writer.writer_id
    if upload.held_s > 0 and writer_id != own.writer_id:
        return True
    stored = StoredLedger(upload.header, writer_id, upload.cut.sequence)
    return which(local_ledger(folder, own), stored) is Take.STORED
