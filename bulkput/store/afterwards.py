"""What is noted of an upload after its run: that its result was delivered."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from bulkput.ledger.header_file import HEADER_NAME
from bulkput.ledger.mirror_record import MirrorRecord, read_mirror_record, write_mirror_record
from bulkput.ledger.state_file import read_state_file
from bulkput.store.cut import CUT_MAX_BYTES, cut_key, decode_cut
from bulkput.store.mirror import RemovedError, RunBlocking, write_cut
from bulkput.store.object_store import ObjectStore


async def keep_header(store: ObjectStore, folder: Path, workers: RunBlocking) -> None:
    """Bring the header in the store up to date, if the last cut there was made of this folder.

    Raises:
        LostError: another run has the upload by now.
        BulkputError: the store could not be used.
    """
    own = await workers.run(partial(read_mirror_record, folder))
    found = await store.get(cut_key(folder.name), size_max_bytes=CUT_MAX_BYTES)
    if found is None:
        return
    try:
        cut = decode_cut(found.content)
    except ValueError:
        return
    if (cut.writer.writer_id, cut.sequence) != own or cut.writer.lease_s > 0:
        return
    text = await workers.run(partial(read_state_file, folder / HEADER_NAME, CUT_MAX_BYTES))
    cut = replace(cut, ledger=text.decode("ascii"), sequence=cut.sequence + 1)
    record = MirrorRecord(cut.writer.writer_id, cut.sequence)
    await workers.run(partial(write_mirror_record, folder, record))
    try:
        await write_cut(store, folder, cut, found.etag)
    except RemovedError:
        return
