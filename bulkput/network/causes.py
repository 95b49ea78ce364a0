"""What lies behind an exception of a client library."""

from collections.abc import Iterator


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
