"""What comes before and behind the body of an answer, and the body of a refusal, bounded.

Python's http.client reads on for ever. Interim answers (100 Continue and the like) are bounded in
number, head, trailers and refusals in bytes and in time: a byte now and then keeps the time limit
of a single read from running out. A proxy's answer to CONNECT is a head too.
"""

import functools
import time
from http import HTTPStatus
from http.client import CONTINUE, OK, SWITCHING_PROTOCOLS, HTTPException
from typing import Any

INTERIM_ANSWERS_MAX = 8
"""A server has no reason for more than one; as many as the service's own connections take."""

HEAD_LIMIT_S = 60.0
"""Twice what a server may be silent before its first byte; the head itself fits one packet."""

HEAD_LIMIT_BYTES = 256 << 10
"""Interim answers included. Web servers and S3 themselves take 8 to 32 KiB of one head."""

TEXT_LIMIT_BYTES = 1 << 20
"""Of the body of a refusal, or of an answer with keys: a thousand times what AWS sends."""

TEXT_LIMIT_S = 60.0
"""For all of it; urllib3 and botocore limit single reads alone."""

_PIECE_BYTES = 64 << 10


def bound_response_heads(manager: Any) -> None:
    """Let every connection that a urllib3 manager will open give up on heads that do not end.

    Args:
        manager: Before its first request.
    """
    manager.pool_classes_by_scheme = _all_bounded(manager.pool_classes_by_scheme)


def bound_session(session: Any, *, has_texts: bool = False) -> None:
    """Do the same for botocore's HTTP session, and the managers of proxies that it makes later.

    Args:
        session: Before its first request.
        has_texts: All that it is sent is short, a success too.
    """
    bounded = _all_bounded(session._pool_classes_by_scheme, has_texts=has_texts)  # noqa: SLF001 - there is no other way
    session._pool_classes_by_scheme = bounded  # noqa: SLF001 - a test holds the names
    session._manager.pool_classes_by_scheme = bounded  # noqa: SLF001


def _all_bounded(pool_class_of: dict[str, Any], *, has_texts: bool = False) -> dict[str, Any]:
    return {
        scheme: _bounded(pool_class, has_texts=has_texts)
        for scheme, pool_class in pool_class_of.items()
    }


@functools.cache
def _bounded(pool_class: Any, *, has_texts: bool) -> Any:
    connection_class = pool_class.ConnectionCls

    class Response(connection_class.response_class):  # type: ignore[misc,name-defined] # of urllib3 or botocore
        fp: Any
        _statuses = 0

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.fp = _BoundedFile(self.fp, HEAD_LIMIT_BYTES, HEAD_LIMIT_S)

        def begin(self) -> None:
            super().begin()
            if isinstance(self.fp, _BoundedFile):  # it is None where there is no body
                self.fp = self.fp.file
                if has_texts or self.status >= HTTPStatus.MULTIPLE_CHOICES:
                    self.fp = _BoundedFile(self.fp, TEXT_LIMIT_BYTES, TEXT_LIMIT_S)

        def _read_and_discard_trailer(self) -> None:
            file, self.fp = self.fp, _BoundedFile(self.fp, HEAD_LIMIT_BYTES, HEAD_LIMIT_S)
            try:
                super()._read_and_discard_trailer()
            finally:
                self.fp = file

        def _read_status(self) -> Any:
            self._statuses += 1
            if self._statuses > INTERIM_ANSWERS_MAX + 1:
                raise HTTPException(f"more than {INTERIM_ANSWERS_MAX} interim answers")
            version, status, reason = super()._read_status()
            if CONTINUE < status < OK and status != SWITCHING_PROTOCOLS:
                status = CONTINUE  # the only one that http.client knows to be followed by an answer
            return version, status, reason

    class Connection(connection_class):  # type: ignore[misc,valid-type] # the same
        response_class = Response

    return type(pool_class.__name__, (pool_class,), {"ConnectionCls": Connection})


class _BoundedFile:
    """The file of an answer of which only so much is read, in so much time."""

    def __init__(self, file: Any, limit_bytes: int, limit_s: float) -> None:
        """Read ``file``, which is buffered."""
        self.file = file
        self._limit_bytes = self._left_bytes = limit_bytes
        self._until_s = time.monotonic() + limit_s

    def readline(self, limit_bytes: int = _PIECE_BYTES) -> bytes:
        """Return the next line, or as much as comes of it; urllib3 gives chunks' no limit.

        Raises:
            TimeoutError: it came too slowly.
            HTTPException: too much has come.
        """
        line = b""
        while len(line) < limit_bytes and not line.endswith(b"\n"):
            self._check_time()
            waiting = self.file.peek()  # one read of the socket at most
            if not waiting:
                break
            length = waiting.find(b"\n") + 1 or len(waiting)
            line += self.file.read(min(length, limit_bytes - len(line)))
        self._count(len(line))
        return line

    def read(self, length_bytes: int | None = None) -> bytes:
        """Return so many bytes, all of them without a number; raises as ``readline``."""
        wanted_bytes = self._limit_bytes + 1
        if length_bytes is not None and length_bytes >= 0:
            wanted_bytes = length_bytes
        content = bytearray()
        while len(content) < wanted_bytes:
            self._check_time()
            piece = self.file.read1(min(wanted_bytes - len(content), _PIECE_BYTES))
            if not piece:
                break
            self._count(len(piece))
            content += piece
        return bytes(content)

    def readinto(self, view: Any) -> int:
        """Fill ``view``; raises as ``readline``."""
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def _check_time(self) -> None:
        if time.monotonic() > self._until_s:
            raise TimeoutError

    def _count(self, length_bytes: int) -> None:
        self._left_bytes -= length_bytes
        if self._left_bytes < 0:
            raise HTTPException(f"more than {self._limit_bytes >> 10} KiB of what is to be short")
