"""PutSnapshotBlock and CompleteSnapshot: what is checked, in which order, and what is kept.

Owns the write side's rules. The body has been read and hashed by the caller.
"""

import base64
import dataclasses
from dataclasses import dataclass

from bulkput.emulator.account import Account
from bulkput.emulator.answer import JSON, Answer, json_answer
from bulkput.emulator.call import Call
from bulkput.emulator.errors import (
    already_completed,
    block_beyond_volume,
    block_length,
    body_unread,
    checksum_mismatch,
    invalid_parameter,
    unsupported_algorithm,
)
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES
from bulkput.emulator.snapshot import State
from bulkput.emulator.validation import Constraints, integer

ALGORITHM = "SHA256"
AGGREGATION = "LINEAR"


@dataclass(slots=True)
class BlockBody:
    """A put's body as it arrived, in the pieces in which it arrived."""

    chunks: list[bytes]
    size_bytes: int
    """All that came, though no more than one block is kept."""
    digest: bytes
    """SHA-256 of what was kept."""


def put_snapshot_block(account: Account, call: Call, body: BlockBody) -> Answer:
    """Store one block.

    Raises:
        ApiError: it is refused; nothing was stored.
    """
    headers = call.headers
    snapshot_id = call.snapshot_id or ""
    checksum = headers.get("x-amz-Checksum")
    algorithm = headers.get("x-amz-Checksum-Algorithm")
    index = integer("blockIndex", call.block_index_text) or 0
    length_bytes = integer("dataLength", headers.get("x-amz-Data-Length"))
    check = Constraints()
    check.snapshot_id("snapshotId", snapshot_id)
    check.number("blockIndex", index, 0)
    check.number("progress", integer("progress", headers.get("x-amz-Progress")), 0, 100)
    check.present("dataLength", length_bytes)
    check.present("checksum", checksum)
    check.present("checksumAlgorithm", algorithm)
    check.checksum("checksum", checksum)
    check.raise_any()

    snapshot, state = account.writable(snapshot_id, call.region)
    if state is not State.PENDING or snapshot.record.settles_unix_s is not None:
        raise already_completed()
    if index >= snapshot.block_count:
        raise block_beyond_volume(index)
    if algorithm != ALGORITHM:
        raise unsupported_algorithm(str(algorithm))
    if body.size_bytes < BLOCK_SIZE_BYTES:
        raise body_unread()
    if length_bytes != BLOCK_SIZE_BYTES:
        raise block_length(length_bytes or 0)
    if body.size_bytes > BLOCK_SIZE_BYTES:
        raise block_length(body.size_bytes)
    computed = base64.b64encode(body.digest).decode("ascii")
    if computed != checksum:
        raise checksum_mismatch(computed, str(checksum))
    snapshot.layers[0].write(index, body.chunks, body.digest, account.clock.unix_s())
    account.stats.stored(account.clock.monotonic_s())
    echo = {"x-amz-Checksum": computed, "x-amz-Checksum-Algorithm": ALGORITHM}
    return Answer(201, b"{}", JSON, echo)


def complete_snapshot(account: Account, call: Call) -> Answer:
    """Seal a snapshot: no more puts from here on, the verdict follows later.

    Raises:
        ApiError: the request does not hold, or there is no such snapshot.
    """
    headers = call.headers
    snapshot_id = call.snapshot_id or ""
    count = integer("changedBlocksCount", headers.get("x-amz-ChangedBlocksCount"))
    checksum = headers.get("x-amz-Checksum")
    algorithm = headers.get("x-amz-Checksum-Algorithm")
    method = headers.get("x-amz-Checksum-Aggregation-Method")
    check = Constraints()
    check.snapshot_id("snapshotId", snapshot_id)
    check.present("changedBlocksCount", count)
    check.number("changedBlocksCount", count, 0)
    check.checksum("checksum", checksum)
    check.one_of("checksumAlgorithm", algorithm, (ALGORITHM,))
    check.one_of("checksumAggregationMethod", method, (AGGREGATION,))
    check.raise_any()
    _check_triple(checksum, algorithm, method)

    snapshot, state = account.started(snapshot_id, call.region)
    now_unix_s = account.clock.unix_s()
    if state is State.PENDING and snapshot.record.settles_unix_s is None:
        expected = None if checksum is None else _decoded(checksum)
        sealed = dataclasses.replace(
            snapshot.record,
            settles_unix_s=now_unix_s + account.options.completion_delay_s,
            verdict=snapshot.verdict(count or 0, expected),
        )
        account.store.replace(sealed)
        return json_answer(202, {"Status": State.PENDING})
    return json_answer(202, {"Status": state})


def _check_triple(checksum: str | None, algorithm: str | None, method: str | None) -> None:
    """Refuse a part of the checksum triple without the rest."""
    if (checksum, algorithm, method) == (None, None, None):
        return
    for name, value in (
        ("Snapshot checksum", checksum),
        ("Checksum algorithm", algorithm),
        ("Checksum aggregation method", method),
    ):
        if value is None:
            raise invalid_parameter(f"Invalid parameter combination. {name} is missing.")


def _decoded(checksum: str) -> bytes:
    """Return the raw digest; what is no base64 becomes a digest that nothing has."""
    try:
        return base64.b64decode(checksum, validate=True)
    except ValueError:
        return b""
