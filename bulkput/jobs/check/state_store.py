"""The state store: whether it can be read and written, and whether it keeps its conditions.

One object is written and removed again. A store that ignores the conditions of a write, as some
that speak S3 do, would let two hosts put into one snapshot unnoticed.
"""

import secrets

from bulkput.config.service import ServiceSettings
from bulkput.jobs.check.finding import Finding, answer_of, ok, warning
from bulkput.jobs.session.state_store import open_state_store
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.store.cut import UPLOADS
from bulkput.store.object_store import ABSENT, ConditionFailedError, ObjectStore

_NAME = "state store"
_WITHOUT = "An upload goes on without it, and no other machine goes on with that"


async def look_at_store(settings: ServiceSettings) -> Finding:
    """Judge the store that ``settings`` name."""

    def untold(_: str) -> None:
        """Say nothing: the finding does."""

    opened = open_state_store(settings, clock=LoopClock(), warn=untold)
    try:
        async with opened as store:
            return await _looked_at(store.objects)
    except ServiceError as error:
        return warning(_NAME, answer_of(error), error.advice or _WITHOUT)
    except BulkputError as error:
        return warning(_NAME, str(error), _WITHOUT)


async def _looked_at(store: ObjectStore) -> Finding:
    # `bulkput store prune` finds it, should this process die in between.
    folder = f"{UPLOADS}/check-{secrets.token_hex(6)}/"
    key, content = f"{folder}probe", memoryview(b"of bulkput check")
    await store.put(key, content, if_match=ABSENT)
    try:
        found = await store.get(key, size_max_bytes=len(content))
        listed = [each.key async for each in store.list_objects(folder)]
        keeps = [await _refuses(store, key, etag) for etag in (ABSENT, '"another"')]
    finally:
        await store.delete(key)
    if found is None or found.content != content or listed != [key]:
        what = f"{store.shown}: an object that was written is not found as it was"
        return warning(_NAME, what, _WITHOUT)
    if not all(keeps):
        what = f"{store.shown} writes whatever If-None-Match and If-Match ask for"
        advice = "Two hosts at once would not notice each other. Use a store that keeps them"
        return warning(_NAME, what, advice)
    return ok(_NAME, f"{store.shown}: written, read, listed and removed; conditions are kept")


async def _refuses(store: ObjectStore, key: str, etag: str) -> bool:
    try:
        await store.put(key, memoryview(b"refuse this"), if_match=etag)
    except ConditionFailedError:
        return True
    return False
