"""Interim answers (100 Continue and the like) in number: Python's http.client reads on for ever."""

import functools
from http.client import HTTPException
from typing import Any

INTERIM_ANSWERS_MAX = 8
"""A server has no reason for more than one; as many as the service's own connections take."""


def bound_interim_answers(manager: Any) -> None:
    """Let every connection that a urllib3 manager will open give up after a few.

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
        _statuses = 0

        def _read_status(self) -> Any:
            self._statuses += 1
            if self._statuses > INTERIM_ANSWERS_MAX + 1:
                raise HTTPException(f"more than {INTERIM_ANSWERS_MAX} interim answers")
            return super()._read_status()

    class Connection(connection_class):  # type: ignore[misc,valid-type] # the same
        response_class = Response

    return type(pool_class.__name__, (pool_class,), {"ConnectionCls": Connection})
