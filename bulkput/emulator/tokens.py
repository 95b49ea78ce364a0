"""Page tokens and block tokens: opaque to clients, bound to what they were given for.

Owns their form and their age limits. A token is base64 of a packed head and a keyed hash of it,
so nothing is remembered a token, and one that was made up or altered is told from a real one.
"""

import base64
import binascii
import hashlib
import hmac
import struct

_BLOCK_HEAD = struct.Struct("<B12sQd")
"""Kind, snapshot, block index, Unix time of issue."""
_PAGE_HEAD = struct.Struct("<B12s12sQd")
"""Kind, first snapshot (empty for ListSnapshotBlocks), second, next block index, issue."""
_MAC_BYTES = 16
_BLOCK_KIND = 1
_PAGE_KIND = 2
BLOCK_TOKEN_LIFE_S = 7 * 86_400.0
PAGE_TOKEN_LIFE_S = 3_600.0


class Tokens:
    """Makes and reads tokens under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def block(self, snapshot_id: str, block_index: int, now_unix_s: float) -> str:
        """Return the token with which this block can be got."""
        head = _BLOCK_HEAD.pack(_BLOCK_KIND, _packed(snapshot_id), block_index, now_unix_s)
        return self._sealed(head)

    def holds_block(
        self, token: str, snapshot_id: str, block_index: int, now_unix_s: float
    ) -> bool:
        """Tell whether the token is for this block and not too old."""
        head = self._opened(token, _BLOCK_HEAD.size)
        if head is None:
            return False
        kind, snapshot, index, issued_unix_s = _BLOCK_HEAD.unpack(head)
        return (kind, snapshot, index) == (
            _BLOCK_KIND,
            _packed(snapshot_id),
            block_index,
        ) and now_unix_s - issued_unix_s <= BLOCK_TOKEN_LIFE_S

    def page(self, first_id: str | None, second_id: str, next_index: int, now_unix_s: float) -> str:
        """Return the token of the page that begins at ``next_index``."""
        ids = (_packed(first_id or ""), _packed(second_id))
        return self._sealed(_PAGE_HEAD.pack(_PAGE_KIND, *ids, next_index, now_unix_s))

    def next_index(
        self, token: str, first_id: str | None, second_id: str, now_unix_s: float
    ) -> int | None:
        """Return where the page begins, or None if the token is not for this list, or too old."""
        head = self._opened(token, _PAGE_HEAD.size)
        if head is None:
            return None
        kind, first, second, index, issued_unix_s = _PAGE_HEAD.unpack(head)
        if (kind, first, second) != (_PAGE_KIND, _packed(first_id or ""), _packed(second_id)):
            return None
        if now_unix_s - issued_unix_s > PAGE_TOKEN_LIFE_S:
            return None
        return int(index)

    def _sealed(self, head: bytes) -> str:
        return base64.b64encode(head + self._mac(head)).decode("ascii")

    def _opened(self, token: str, head_bytes: int) -> bytes | None:
        try:
            raw = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        head, mac = raw[:head_bytes], raw[head_bytes:]
        if len(head) != head_bytes or not hmac.compare_digest(mac, self._mac(head)):
            return None
        return head

    def _mac(self, head: bytes) -> bytes:
        return hashlib.blake2b(head, key=self._key, digest_size=_MAC_BYTES).digest()


def _packed(snapshot_id: str) -> bytes:
    """Return the 12 bytes that stand for an id in a token."""
    return hashlib.blake2b(snapshot_id.encode(), digest_size=12).digest()
