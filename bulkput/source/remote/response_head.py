"""What comes before the body of an answer, bounded: Python's http.client reads on for ever.

Interim answers (100 Continue and the like) are bounded in number, all of the head in bytes and in
time: a byte now and then keeps the time limit of a single read from running out. A proxy's answer
to CONNECT is a head too.
"""

import functools
import time
from http.client import CONTINUE, OK, SWITCHING_PROTOCOLS, HTTPException
from typing import Any

INTERIM_ANSWERS_MAX = 8
"""A server has no reason for more than one; as many as the service's own connections take."""

HEAD_LIMIT_S = 60.0
"""Twice what a server may be silent before its first byte; the head itself fits one packet."""

HEAD_LIMIT_BYTES = 256 << 10
"""Interim answers included. Web servers and S3 themselves take 8 to 32 KiB of one head."""


def bound_response_heads(manager: Any) -> None:
    """Let every connection that a urllib3 manager will open give up on heads that do not end.

    Args:
        manager: Before its first request.
    """
    manager.pool_classes_by_scheme = _all_bounded(manager.pool_classes_by_scheme)


def bound_session(session: Any) -> None:
    """Do the same for botocore's HTTP session, and the managers of proxies that it makes later.

    Args:
        session: Before its first request.
    """
    bounded = _all_bounded(session._pool_classes_by_scheme)  # noqa: SLF001 - there is no other way
    session._pool_classes_by_scheme = bounded  # noqa: SLF001 - a test holds the names
    session._manager.pool_classes_by_scheme = bounded  # noqa: SLF001


def _all_bounded(pool_class_of: dict[str, Any]) -> dict[str, Any]:
    return {scheme: _bounded(pool_class) for scheme, pool_class in pool_class_of.items()}


@functools.cache
def _bounded(pool_class: Any) -> Any:
    connection_class = pool_class.ConnectionCls

    class Response(connection_class.response_class):  # type: ignore[misc,name-defined] # of urllib3 or botocore
        fp: Any
        _statuses = 0

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.fp = _HeadFile(self.fp, time.monotonic() + HEAD_LIMIT_S)

        def begin(self) -> None:
            super().begin()
            if isinstance(self.fp, _HeadFile):  # it is None where there is no body
                self.fp = self.fp.file

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


class _HeadFile:
    """The file of an answer whose head is being read; a body is read from ``file`` itself."""

    def __init__(self, file: Any, until_s: float) -> None:
        """Read lines of ``file``, which is buffered, until ``until_s`` (monotonic)."""
        self.file = file
        self._until_s = until_s
        self._left_bytes = HEAD_LIMIT_BYTES

    def readline(self, limit_bytes: int) -> bytes:
        """Return the next line, or as much as comes of it.

        Raises:
            TimeoutError: it came too slowly.
            HTTPException: the head has become too long.
        """
        line = b""
        while len(line) < limit_bytes and not line.endswith(b"\n"):
            if time.monotonic() > self._until_s:
                raise TimeoutError
            waiting = self.file.peek()  # one read of the socket at most
            if not waiting:
                break
            length = waiting.find(b"\n") + 1 or len(waiting)
            line += self.file.read(min(length, limit_bytes - len(line)))
        self._left_bytes -= len(line)
        if self._left_bytes < 0:
            raise HTTPException(f"a head of more than {HEAD_LIMIT_BYTES >> 10} KiB")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
