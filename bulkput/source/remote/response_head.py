"""What comes before the body of an answer, bounded: Python's http.client reads on for ever.

Interim answers (100 Continue and the like) are bounded in number, all of the head in time: a byte
now and then keeps the time limit of a single read from running out.
"""

import functools
import time
from http.client import HTTPException
from typing import Any

INTERIM_ANSWERS_MAX = 8
"""A server has no reason for more than one; as many as the service's own connections take."""

HEAD_LIMIT_S = 60.0
"""Twice what a server may be silent before its first byte; the head itself fits one packet."""


def bound_response_heads(manager: Any) -> None:
    """Let every connection that a urllib3 manager will open give up on heads that do not end.

    Args:
        manager: Of urllib3 or botocore, before its first request.
    """
    manager.pool_classes_by_scheme = {
        scheme: _bounded(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


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
            return super()._read_status()

    class Connection(connection_class):  # type: ignore[misc,valid-type] # the same
        response_class = Response

    return type(pool_class.__name__, (pool_class,), {"ConnectionCls": Connection})


class _HeadFile:
    """The file of an answer whose head is being read; a body is read from ``file`` itself."""

    def __init__(self, file: Any, until_s: float) -> None:
        """Read lines of ``file``, which is buffered, until ``until_s`` (monotonic)."""
        self.file = file
        self._until_s = until_s

    def readline(self, limit_bytes: int) -> bytes:
        """Return the next line, or as much as comes of it.

        Raises:
            TimeoutError: it came too slowly.
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
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
