"""Blocks of 512 KiB that cost nothing to make, to hash and to distinguish: a fixed set of them.

A block is known by its number; number 0 is all zeros. Digests are real and computed once.
"""

import contextlib
import hashlib
from functools import cache

from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST

ZEROS = 0
CONTENT_COUNT = 40
_STAMP_BYTES = 8


@cache
def content(number):
    """Return the bytes of a block; some are zeros but for their last bytes."""
    if number == ZEROS:
        return bytes(BLOCK_SIZE_BYTES)
    stamp = (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(_STAMP_BYTES, "little")
    if number % 5 == 0:
        return bytes(BLOCK_SIZE_BYTES - _STAMP_BYTES) + stamp
    return stamp * (BLOCK_SIZE_BYTES // _STAMP_BYTES)


def digest(number):
    """Return the SHA-256 of a content."""
    if number < CONTENT_COUNT:
        return _digest(number)
    return next(known for known, other in _others.items() if other == number)


@cache
def _digest(number):
    return ZERO_BLOCK_DIGEST if number == ZEROS else hashlib.sha256(content(number)).digest()


@cache
def _numbers():
    return {content(number)[-_STAMP_BYTES:]: number for number in range(CONTENT_COUNT)}


def number_of(block):
    """Return which content a view of a whole block shows."""
    assert len(block) == BLOCK_SIZE_BYTES
    if _others is not None:
        return _number_of_any(bytes(block))
    number = _numbers()[bytes(block[-_STAMP_BYTES:])]
    assert bytes(block[:_STAMP_BYTES]) == content(number)[:_STAMP_BYTES]
    return number


_others = None
"""By number: blocks beside the fixed set, while any are taken."""


@contextlib.contextmanager
def of_any_bytes():
    """Take blocks of any bytes, which then are looked at in full."""
    global _others  # noqa: PLW0603 - as ``hashlib`` is one for all
    _others = {}
    try:
        yield
    finally:
        _others = None


def _number_of_any(block):
    known = hashlib.sha256(block).digest()
    if known == ZERO_BLOCK_DIGEST:
        return ZEROS
    return _others.setdefault(known, CONTENT_COUNT + len(_others))


class CachedHashlib:
    """Stands where the hashers have ``hashlib``."""

    @staticmethod
    def sha256(block):
        return _Digest(digest(number_of(block)))


class _Digest:
    def __init__(self, value):
        self._value = value

    def digest(self):
        return self._value
