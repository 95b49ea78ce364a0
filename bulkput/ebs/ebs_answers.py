"""Answers of the EBS direct APIs, checked where they come in: plain data, or why not. Pure.

botocore takes any 2xx for an answer and hands on what its JSON held, whatever the types. Each
operation has a table of what its fields may be; what cannot be true ends in one sentence that
names the call, and nothing is done on its word. What several pages say together is checked by
whoever asks for them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bulkput.ebs.answer_check import (
    BLOCK_SIZE,
    ID,
    ITEMS,
    SIZE_GIB,
    TEXT,
    TIME,
    TOKEN,
    AnswerCheck,
    one_of,
    required,
    shown,
    unix_s,
)
from bulkput.ebs.error_response import server_time
from bulkput.ebs.snapshot import BlockPage, ChangedBlockPage, StartedSnapshot, StartRequest
from bulkput.model.block import BLOCK_COUNT_MAX, BLOCKS_PER_GIB

_STARTED = {
    "SnapshotId": required(ID),
    "BlockSize": BLOCK_SIZE,
    "VolumeSize": SIZE_GIB,
    "ParentSnapshotId": ID,
    "KmsKeyArn": TEXT,
    "SseType": TEXT,
    "OwnerId": TEXT,
    # By its age alone is it known that the token found an older snapshot, of unknown content.
    "StartTime": required(TIME),
    "Status": one_of("pending", "completed"),
}
_COMPLETED = {"Status": required(one_of("pending", "completed", "error"))}
_LIST = {"BlockSize": BLOCK_SIZE, "VolumeSize": required(SIZE_GIB), "NextToken": TOKEN}
_BLOCKS = {**_LIST, "Blocks": ITEMS}
_CHANGED_BLOCKS = {**_LIST, "ChangedBlocks": ITEMS}


def page_parameters(
    page_token: str | None, starting_block_index: int | None, max_results: int | None
) -> dict[str, Any]:
    """Return the parameters that both lists take."""
    wanted: dict[str, Any] = {
        "NextToken": page_token,
        "StartingBlockIndex": starting_block_index,
        "MaxResults": max_results,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def is_started(answer: Mapping[str, Any]) -> bool:
    """Return whether StartSnapshot's answer has anything that it should: a web page has not."""
    return any(answer.get(name) is not None for name in _STARTED)


def started_snapshot(answer: Mapping[str, Any], request: StartRequest) -> StartedSnapshot:
    """Return what StartSnapshot started, if it is what was asked for.

    Raises:
        AnswerError: it is not; names the snapshot, which is pending.
    """
    check = AnswerCheck("StartSnapshot", answer.get("SnapshotId"))
    check.fields(answer, _STARTED)
    size_gib = answer.get("VolumeSize", request.volume_size_gib)
    if size_gib != request.volume_size_gib:
        check.refuse(f"its volume has {size_gib} GiB, and {request.volume_size_gib} were asked for")
    parent = answer.get("ParentSnapshotId")
    if parent != request.parent_snapshot_id:
        wanted = request.parent_snapshot_id or "none"
        check.refuse(f"its parent is {parent or 'none'}, and {wanted} was asked for")
    start_unix_s = unix_s(answer["StartTime"]) or 0.0
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return StartedSnapshot(
        snapshot_id=answer["SnapshotId"],
        volume_size_gib=size_gib,
        kms_key_arn=answer.get("KmsKeyArn"),
        sse_type=answer.get("SseType"),
        owner_id=answer.get("OwnerId"),
        parent_snapshot_id=parent,
        start_unix_s=start_unix_s,
        answered_unix_s=server_time(headers.get("Date")) or start_unix_s,
        status=answer.get("Status", "pending"),
    )


def sealed_status(answer: Mapping[str, Any], snapshot_id: str) -> str:
    """Return the status that CompleteSnapshot gives: ``pending``, ``completed`` or ``error``.

    Raises:
        AnswerError: it gives none of them.
    """
    AnswerCheck("CompleteSnapshot", snapshot_id).fields(answer, _COMPLETED)
    return str(answer["Status"])


def block_page(
    answer: Mapping[str, Any], snapshot_id: str, starting_block_index: int | None
) -> BlockPage:
    """Return one page of ListSnapshotBlocks.

    Raises:
        AnswerError: a block has no token, is out of order, or not where it was asked for.
    """
    check = AnswerCheck("ListSnapshotBlocks", snapshot_id)
    check.fields(answer, _BLOCKS)
    blocks = []
    stop = answer["VolumeSize"] * BLOCKS_PER_GIB
    for index, block in _ascending(check, answer["Blocks"], starting_block_index, stop):
        blocks.append((index, _token(check, index, block.get("BlockToken"))))
    return BlockPage(
        blocks=tuple(blocks),
        next_token=answer.get("NextToken"),
        volume_size_gib=answer["VolumeSize"],
    )


def changed_block_page(
    answer: Mapping[str, Any], snapshot_id: str, starting_block_index: int | None
) -> ChangedBlockPage:
    """Return one page of ListChangedBlocks.

    Raises:
        AnswerError: a block is in neither snapshot, out of order, or not where it was asked for.
    """
    check = AnswerCheck("ListChangedBlocks", snapshot_id)
    check.fields(answer, _CHANGED_BLOCKS)
    blocks = []
    listed = answer["ChangedBlocks"]
    # Which of the two volumes the size is of, where they differ, nobody says.
    for index, block in _ascending(check, listed, starting_block_index, BLOCK_COUNT_MAX):
        first, second = block.get("FirstBlockToken"), block.get("SecondBlockToken")
        if first is None and second is None:
            check.refuse(f"block {index} is in neither snapshot: it has no token")
        for token in (first, second):
            if token is not None:
                _token(check, index, token)
        blocks.append((index, first, second))
    return ChangedBlockPage(
        blocks=tuple(blocks),
        next_token=answer.get("NextToken"),
        volume_size_gib=answer["VolumeSize"],
    )


def _token(check: AnswerCheck, index: int, token: Any) -> str:
    if token is None:
        check.refuse(f"block {index} has no token")
    if not TOKEN.holds(token):
        check.refuse(f"the token of block {index} is {shown(token)}, expected {TOKEN.expected}")
    return str(token)


def _ascending(
    check: AnswerCheck, blocks: Iterable[Any], starting_block_index: int | None, stop: int
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield index and fields of each block: each once, ascending, inside the volume."""
    last = (starting_block_index or 0) - 1
    for block in blocks:
        index = block.get("BlockIndex") if isinstance(block, dict) else None
        if type(index) is not int:
            check.refuse(f"the BlockIndex of a block is {shown(index)}")
        if not last < index < stop:
            check.place(index, last, stop)
        last = index
        yield index, block
