"""What lies behind an exception of a client library."""

import errno
from collections.abc import Iterator

from bulkput.model.errors import MachineError
from bulkput.model.shortage import machine_error

_LOCAL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What is short on this machine and no fault of the network. EAGAIN is a socket's everyday word."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and what it was made of, nearest first.

    Libraries keep that in several ways: ``from``, urllib3's ``reason`` and arguments, botocore's
    ``kwargs``, aiohttp's ``os_error``. What was merely being handled when it was raised
    (``__context__``) is none of it.
    """
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        facts = getattr(each, "kwargs", None)
        if isinstance(facts, dict):
            waiting.append(facts.get("error"))
        waiting += [getattr(each, "reason", None), getattr(each, "os_error", None), *each.args]
        waiting.append(each.__cause__)


def local_shortage(error: BaseException, doing: str) -> MachineError | None:
    """Return the error of a connection that this machine had nothing left to make, if it is one.

    Args:
        error: What the client library raised.
        doing: What it was for, in words to begin the sentence with.
    """
    for each in causes(error):
        if isinstance(each, MemoryError) or (isinstance(each, OSError) and each.errno in _LOCAL):
            return machine_error(each, doing)
    return None
