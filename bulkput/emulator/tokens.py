"""Page tokens and block tokens: opaque to clients, bound to what they were given for.

Owns their form and their age limits. A token is base64 of a packed head and a keyed hash of it,
so nothing is remembered a token, and one that was made up or altered is recognised as such.
"""

import base64
import binascii
import hashlib
import hmac
import os
import random
import struct

_BLOCK_HEAD = struct.Struct("<B12sQd")
"""Kind, snapshot, block index, Unix time of expiry."""
_PAGE_HEAD = struct.Struct("<B12s12sQd4s")
"""Kind, first snapshot (empty for ListSnapshotBlocks), second, next block index, issue, and what
makes each token another one."""
_PAGE_MAC_BYTES = 16
_BLOCK_MAC_BYTES = 42
"""Makes a block token 71 bytes, which are 95 characters of base64url: the length of the
service's."""
_BLOCK_KIND = 1
_PAGE_KIND = 2
_BLOCK_TOKEN_LIFE_S = (160 * 3600.0, 172 * 3600.0)
"""The shortest and the longest that was captured."""
PAGE_TOKEN_LIFE_S = 3_600.0


def block_token_life_s() -> float:
    """Return how long the block tokens of one list shall live: another time each list."""
    return random.uniform(*_BLOCK_TOKEN_LIFE_S)  # noqa: S311 - no secret depends on it


class Tokens:
    """Makes and reads tokens under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def block(self, snapshot_id: str, block_index: int, expires_unix_s: float) -> str:
        """Return the token with which this block can be got."""
        head = _BLOCK_HEAD.pack(_BLOCK_KIND, _packed(snapshot_id), block_index, expires_unix_s)
        sealed = head + self._mac(head, _BLOCK_MAC_BYTES)
        return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def holds_block(
        self, token: str, snapshot_id: str, block_index: int, now_unix_s: float
    ) -> bool:
        """Return whether the token is for this block and not too old."""
        head = self._opened(f"{token}{'=' * (-len(token) % 4)}", _BLOCK_HEAD.size, b"-_")
        if head is None:
            return False
        kind, snapshot, index, expires_unix_s = _BLOCK_HEAD.unpack(head)
        return (kind, snapshot, index) == (
            _BLOCK_KIND,
            _packed(snapshot_id),
            block_index,
        ) and now_unix_s <= expires_unix_s

    def page(self, first_id: str | None, second_id: str, next_index: int, now_unix_s: float) -> str:
        """Return the token of the page that begins at ``next_index``."""
        ids = (_packed(first_id or ""), _packed(second_id))
        head = _PAGE_HEAD.pack(_PAGE_KIND, *ids, next_index, now_unix_s, os.urandom(4))
        return base64.b64encode(head + self._mac(head, _PAGE_MAC_BYTES)).decode("ascii")

    def next_index(
        self, token: str, first_id: str | None, second_id: str, now_unix_s: float
    ) -> int | None:
        """Return where the page begins, or None if the token is not for this list, or too old."""
        head = self._opened(token, _PAGE_HEAD.size, b"+/")
        if head is None:
            return None
        kind, first, second, index, issued_unix_s, _ = _PAGE_HEAD.unpack(head)
        if (kind, first, second) != (_PAGE_KIND, _packed(first_id or ""), _packed(second_id)):
            return None
        if now_unix_s - issued_unix_s > PAGE_TOKEN_LIFE_S:
            return None
        return int(index)

    def _opened(self, token: str, head_bytes: int, letters: bytes) -> bytes | None:
        """Return the content of a token; ``letters`` are the last two of its base64."""
        try:
            raw = base64.b64decode(token, altchars=letters, validate=True)
        except (binascii.Error, ValueError):
            return None
        head, mac = raw[:head_bytes], raw[head_bytes:]
        if len(head) != head_bytes or len(mac) not in (_PAGE_MAC_BYTES, _BLOCK_MAC_BYTES):
            return None
        return head if hmac.compare_digest(mac, self._mac(head, len(mac))) else None

    def _mac(self, head: bytes, size_bytes: int) -> bytes:
        return hashlib.blake2b(head, key=self._key, digest_size=size_bytes).digest()


def _packed(snapshot_id: str) -> bytes:
    """Return the 12 bytes that stand for an id in a token."""
    return hashlib.blake2b(snapshot_id.encode(), digest_size=12).digest()
