"""GetSnapshotBlock, ListSnapshotBlocks and ListChangedBlocks.

Owns the read side's rules and paging. Reads only completed snapshots.
"""

import base64
from typing import Any

from bulkput.emulator.account import Account
from bulkput.emulator.answer import BINARY, Answer, json_answer
from bulkput.emulator.call import Call
from bulkput.emulator.errors import (
    bad_block_token,
    bad_page_token,
    first_snapshot_missing,
    invalid,
)
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES
from bulkput.emulator.snapshot import Snapshot, changed_blocks
from bulkput.emulator.tokens import block_token_life_s
from bulkput.emulator.validation import Constraints, integer

_RESULTS_MIN = 100
_RESULTS_MAX = 10_000


def get_snapshot_block(account: Account, call: Call) -> Answer:
    """Return one block's bytes.

    Raises:
        ApiError: the token does not hold, or the snapshot is not readable.
    """
    snapshot_id = call.snapshot_id or ""
    token = call.query().get("blockToken")
    index = integer("blockIndex", call.block_index_text) or 0
    check = Constraints()
    check.snapshot_id("snapshotId", snapshot_id)
    check.number("blockIndex", index, 0)
    check.present("blockToken", token)
    check.token("blockToken", token)
    check.raise_any()
    snapshot = account.readable(snapshot_id, call.region)
    token = token or ""
    layer = snapshot.find(index)  # None beyond the volume too: no token is for that
    now_unix_s = account.clock.unix_s()
    if layer is None or not account.tokens.holds_block(token, snapshot_id, index, now_unix_s):
        raise bad_block_token(token)
    headers = {
        "x-amz-Data-Length": str(BLOCK_SIZE_BYTES),
        "x-amz-Checksum": base64.b64encode(layer.digest(index)).decode("ascii"),
        "x-amz-Checksum-Algorithm": "SHA256",
    }
    return Answer(200, layer.read(index), BINARY, headers)


class _Page:
    """The parameters that both lists share, checked."""

    def __init__(self, account: Account, call: Call, *, compares: bool) -> None:
        self._account = account
        query = call.query()
        self.second_id = call.snapshot_id or ""
        self.first_id = query.get("firstSnapshotId")
        self._token = query.get("pageToken")
        limit = integer("maxResults", query.get("maxResults"))
        start = integer("startingBlockIndex", query.get("startingBlockIndex"))
        check = Constraints()
        check.snapshot_id("secondSnapshotId" if compares else "snapshotId", self.second_id)
        if compares and self.first_id:
            check.snapshot_id("firstSnapshotId", self.first_id)
        check.token("pageToken", self._token)
        check.number("maxResults", limit, _RESULTS_MIN, _RESULTS_MAX)
        check.number("startingBlockIndex", start, 0)
        check.raise_any()
        if compares and not self.first_id:
            raise first_snapshot_missing()
        self.limit = limit or _RESULTS_MAX
        self.now_unix_s = account.clock.unix_s()
        self.expires_unix_s = round(self.now_unix_s + block_token_life_s(), 3)
        """Of every block token on the page."""
        self._start = start or 0

    def start(self) -> int:
        """Return the first block index of the page; a page token outranks startingBlockIndex."""
        if self._token is None:
            return self._start
        start = self._account.tokens.next_index(
            self._token, self.first_id, self.second_id, self.now_unix_s
        )
        if start is None:
            raise bad_page_token(self._token)
        return start

    def answer(self, name: str, items: list[dict[str, Any]], snapshot: Snapshot) -> Answer:
        """Return the page; ``items`` holds one more than fits where there is a next page."""
        next_token = None
        if len(items) > self.limit:
            after = int(items.pop()["BlockIndex"])
            tokens = self._account.tokens
            next_token = tokens.page(self.first_id, self.second_id, after, self.now_unix_s)
        return json_answer(
            200,
            {
                "BlockSize": BLOCK_SIZE_BYTES,
                name: items,
                "ExpiryTime": self.expires_unix_s if items else round(self.now_unix_s, 3),
                "NextToken": next_token,
                "VolumeSize": snapshot.record.volume_size_gib,
            },
        )


def list_snapshot_blocks(account: Account, call: Call) -> Answer:
    """Return a page of the blocks that a snapshot shows, its parent's included.

    Raises:
        ApiError: the request does not hold, or the snapshot is not readable.
    """
    page = _Page(account, call, compares=False)
    snapshot = account.readable(page.second_id, call.region)
    items: list[dict[str, Any]] = []
    for run in snapshot.blocks(page.start()):
        for index in run[: page.limit + 1 - len(items)].tolist():
            token = account.tokens.block(page.second_id, index, page.expires_unix_s)
            items.append({"BlockIndex": index, "BlockToken": token})
        if len(items) > page.limit:
            break
    return page.answer("Blocks", items, snapshot)


def list_changed_blocks(account: Account, call: Call) -> Answer:
    """Return a page of the blocks in which two snapshots of one lineage differ.

    Raises:
        ApiError: the request does not hold, one is not readable, or they are not related.
    """
    page = _Page(account, call, compares=True)
    first_id = page.first_id or ""
    first = account.readable(first_id, call.region)
    second = account.readable(page.second_id, call.region)
    if not set(first.record.layer_ids) & set(second.record.layer_ids):
        raise invalid(
            "UNRELATED_SNAPSHOTS",
            f"The snapshots {first_id} and {page.second_id} are not related.",
        )
    items: list[dict[str, Any]] = []
    block_token = account.tokens.block
    for run, in_first, in_second in changed_blocks(first, second, page.start()):
        rest = page.limit + 1 - len(items)
        for index, before, after in zip(
            run[:rest].tolist(), in_first[:rest].tolist(), in_second[:rest].tolist(), strict=True
        ):
            item = {"BlockIndex": index}
            if before:
                item["FirstBlockToken"] = block_token(first_id, index, page.expires_unix_s)
            if after:
                item["SecondBlockToken"] = block_token(page.second_id, index, page.expires_unix_s)
            items.append(item)
        if len(items) > page.limit:
            break
    return page.answer("ChangedBlocks", items, second)
