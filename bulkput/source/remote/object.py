"""A remote object: read in ranges from any thread, each attempt repeated a few times, never mixed.

Owns the repetition, which is the only one: what lies beneath tries once. Knows no protocol.
"""

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bulkput.model.clock import pause_thread
from bulkput.model.errors import SourceError, TemporaryError
from bulkput.source.format import HEAD_SIZE_BYTES
from bulkput.source.remote.slow_answers import PIECE_LIMIT_S, SlowAnswers, WatchedAnswer
from bulkput.source.remote.transport import PassingError, RangeResponse, Transport, Version, changed
from bulkput.source.remote.unreached import UnreachedError
from bulkput.source.source import SourceKind

_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""19 s in all, with the attempts' own time: a failover of S3's front takes seconds. Counted anew
whenever enough bytes have come."""

_FIRST_ATTEMPTS_MAX = 3
_FIRST_LIMIT_S = 15.0
"""Before the first answer: nobody there is most likely a mistake, which no waiting mends. After it
no attempt begins, and one that waits for a connection or an answer takes 20 s at most."""

_PROGRESS_MIN_BYTES = 64 << 10
"""A server that ends each answer after less is failing: 100 bytes at a time, a GiB takes ten
million requests."""

_PIECE_SIZE_BYTES = 512 << 10

_TOO_SLOW = f"less than 512 KiB came within {PIECE_LIMIT_S:g} s"

HEAD_RANGE_BYTES = HEAD_SIZE_BYTES


class RemoteIdentity:
    """What distinguishes an object from any other: address, version and length."""

    def __init__(self, shown: str, version: Version) -> None:
        self._facts = {
            "kind": "object",
            "address": shown,
            "size_bytes": version.size_bytes,
            "etag": version.etag,
            "modified": version.modified,
            "version_id": version.version_id,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON can hold them."""
        return dict(self._facts)


class RemoteObject:
    """One version of an object, found when it was opened."""

    kind: SourceKind = "object"

    def __init__(self, transport: Transport) -> None:
        """Ask for the beginning. Blocks.

        Raises:
            SourceError: it is not there, is empty, or is not given in parts.
            CredentialsError: it may not be read.
            TemporaryError: it could not be asked for long enough.
        """
        self._transport = transport
        self._slow_answers = SlowAnswers()
        self._version: Version | None = None
        self._foot: bytes | None = None
        self.path = transport.shown
        head = bytearray(HEAD_RANGE_BYTES)
        try:
            self._version = self._fill(0, [memoryview(head)])
        except BaseException:
            self._slow_answers.close()
            raise
        self.version = self._version
        self.head = bytes(head[: self.version.size_bytes])
        self.identity = RemoteIdentity(self.path, self.version)

    @property
    def size_bytes(self) -> int:
        """Length when it was opened."""
        return self.version.size_bytes

    @property
    def reports_changes(self) -> bool:
        """Whether an equal identity means equal content."""
        return self._transport.shown_names_all and self.version.vouches

    def foot(self) -> bytes:
        """Return the last bytes, fewer where it has fewer."""
        if self._foot is None:
            start = max(0, self.size_bytes - HEAD_RANGE_BYTES)
            foot = bytearray(self.size_bytes - start)
            self.read_into(start, memoryview(foot))
            self._foot = bytes(foot)
        return self._foot

    def read_into(self, start: int, view: memoryview) -> None:
        """Fill ``view`` with what the object has from ``start`` on. Blocks.

        Raises:
            SourceError: it changed, vanished, or gives something else than was asked for.
            CredentialsError: it may not be read any more.
            TemporaryError: no attempt succeeded.
        """
        self._fill(start, [view])

    def read_blocks(self, start: int, views: Sequence[memoryview]) -> None:
        """Fill ``views``, one after the other, as ``read_into`` does."""
        self._fill(start, views)

    def check_unchanged(self) -> None:
        """Ask for one byte of the same version.

        Raises:
            SourceError: there is another.
        """
        self._fill(0, [memoryview(bytearray(1))])

    def close(self) -> None:
        """Give up the connections. Safe to repeat."""
        self._slow_answers.close()
        self._transport.close()

    def _fill(self, start: int, views: Sequence[memoryview]) -> Version:
        """Fill ``views``, or as much as there is of an object whose length is not known yet."""
        filled = failures = 0
        began_s = time.monotonic()
        length_bytes = sum(len(view) for view in views)
        while True:
            before = filled
            try:
                answer = self._transport.get(start + filled, start + length_bytes, self._version)
                try:
                    version = self._checked(answer)
                    wanted = min(length_bytes, version.size_bytes - start)
                    with self._slow_answers.watching(answer) as watched:
                        for piece in _pieces(watched, wanted - filled):
                            _put(views, filled, piece)
                            filled += len(piece)
                finally:
                    answer.close()
            except PassingError as error:
                failures = 1 if filled - before >= _PROGRESS_MIN_BYTES else failures + 1
                if self._version is None and isinstance(error, UnreachedError):
                    is_late = time.monotonic() - began_s > _FIRST_LIMIT_S
                    if is_late or failures >= _FIRST_ATTEMPTS_MAX:
                        raise error.of(self.path) from error
                if failures > len(_DELAYS_S):
                    raise TemporaryError(
                        f"{self.path} could not be read at {start + filled}, {failures} times in a "
                        f"row: {error}. The same command resumes"
                    ) from error
                # Full jitter: several threads are cut off at the same moment.
                pause_thread(random.uniform(0, _DELAYS_S[failures - 1]))  # noqa: S311 - nothing secret
            else:
                return version

    def _checked(self, answer: RangeResponse) -> Version:
        if self._version is not None and answer.version != self._version:
            raise changed(self.path)
        if answer.version.size_bytes == 0:
            raise SourceError(self.path, "is empty: there is nothing to make a volume of")
        return answer.version


def _put(views: Sequence[memoryview], at: int, piece: bytes) -> None:
    """Copy ``piece`` to the place ``at`` of the views behind each other."""
    for view in views:
        if not piece:
            return
        if at < len(view):
            taken = min(len(view) - at, len(piece))
            view[at : at + taken] = piece[:taken]
            piece = piece[taken:]
        at = max(0, at - len(view))


def _pieces(watched: WatchedAnswer, length_bytes: int) -> Iterator[bytes]:
    """Yield exactly ``length_bytes``.

    Raises:
        PassingError: fewer came, or they came too slowly.
    """
    while length_bytes:
        try:
            piece = watched.answer.read(min(_PIECE_SIZE_BYTES, length_bytes))
        except PassingError as error:
            if watched.is_ended:
                raise PassingError(_TOO_SLOW) from error
            raise
        if not piece:
            raise PassingError(_TOO_SLOW if watched.is_ended else "the answer ended early")
        watched.pieces += 1
        length_bytes -= len(piece)
        yield piece
