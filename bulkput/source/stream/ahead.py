"""Compressed bytes between the feed and its decoders: taken in steps, looked at, given back.

Owns the bound on what a short member costs: it is given little at first, because a decoder copies
all that comes behind its end. A quarter of a MiB at once took a second for 32,768 empty members.
"""

from bulkput.source.stream.feed import PIECE_SIZE_BYTES, Feed

_FIRST_STEP_BYTES = 1024
"""Of a member; each further step is twice as long, so that long members pay a few calls."""


class Ahead:
    """The next bytes of a feed; one thread at a time."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._piece = b""
        self._at = 0
        self._step_bytes = _FIRST_STEP_BYTES

    def begin(self) -> None:
        """Take little again: another member begins."""
        self._step_bytes = _FIRST_STEP_BYTES

    def take(self) -> memoryview:
        """Return the next step, of at most a piece; nothing at the end."""
        if self._at == len(self._piece):
            self._piece, self._at = self._feed.read(), 0
        taken = memoryview(self._piece)[self._at : self._at + self._step_bytes]
        self._at += len(taken)
        self._step_bytes = min(2 * self._step_bytes, PIECE_SIZE_BYTES)
        return taken

    def give_back(self, length_bytes: int) -> None:
        """Have the last bytes of what was taken last come again."""
        self._at -= length_bytes

    def peek(self, length_bytes: int) -> bytes:
        """Return the next bytes and leave them there; fewer only at the end."""
        while len(self._piece) - self._at < length_bytes and (piece := self._feed.read()):
            self._piece, self._at = self._piece[self._at :] + piece, 0
        return self._piece[self._at : self._at + length_bytes]

    def skip_zeros(self) -> int:
        """Pass over zero bytes and return how many there were."""
        skipped_bytes = 0
        while self.peek(1) == b"\0":
            step = self._piece[self._at : self._at + _FIRST_STEP_BYTES]
            zeros_bytes = len(step) - len(step.lstrip(b"\0"))
            self._at += zeros_bytes
            skipped_bytes += zeros_bytes
        return skipped_bytes

    def drain(self) -> int:
        """Read to the end and return how many bytes that were."""
        rest_bytes = len(self._piece) - self._at
        self._piece, self._at = b"", 0
        while piece := self._feed.read():
            rest_bytes += len(piece)
        return rest_bytes
