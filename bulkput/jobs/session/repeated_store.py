"""An object store whose failed calls are repeated, and which is not waited for again and again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.retry import Retrier
from bulkput.store.object_store import ListedObject, ObjectStore, StoredObject

T = TypeVar("T")

CALL_LIMIT_S = 6.0
"""For one call with all its repeats: as long as a failover of S3's front takes, and no longer than
an upload may begin later for a store that is down. The next interval tries again anyway."""

_SILENT_S = 2.5
"""An attempt that failed after so long was not answered: S3 answers within a fifth of a second. To
repeat it at once would be to wait as long again."""

_REST_S = 5.0
"""After such an attempt: the steps at a start and at an end follow each other faster, the intervals
more slowly."""


class RepeatedStore:
    """An object store whose calls are repeated by the one table, while it is worth it.

    After a call that failed for good the next ones have one attempt each, until one succeeds; after
    one that was not answered they fail at once for a while. So a store that is down keeps a step of
    an upload once, and not each step that follows. Lists have one attempt a page.
    """

    def __init__(self, store: ObjectStore, retrier: Retrier) -> None:
        self._store = store
        self._retrier = retrier
        self._now_s = retrier.clock.monotonic_s
        self._is_down = False
        self._rests_until_s = float("-inf")
        self.shown = store.shown

    async def get(self, key: str, *, size_max_bytes: int) -> StoredObject | None:
        get = partial(self._store.get, key, size_max_bytes=size_max_bytes)
        return await self._run("GetObject", get)

    async def get_part(
        self, key: str, start: int, stop: int, etag: str | None
    ) -> StoredObject | None:
        get = partial(self._store.get_part, key, start, stop, etag)
        return await self._run("GetObject", get)

    async def put(
        self,
        key: str,
        content: memoryview,
        *,
        if_match: str | None = None,
        digest: bytes | None = None,
    ) -> str:
        put = partial(self._store.put, key, content, if_match=if_match, digest=digest)
        return await self._run("PutObject", put)

    async def delete(self, key: str) -> None:
        await self._run("DeleteObject", partial(self._store.delete, key))

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        async for each in self._store.list_objects(prefix):
            yield each

    async def _run(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        if self._now_s() < self._rests_until_s:
            what = f"{self.shown} did not answer a moment ago"
            raise ServiceError(operation, FailureClass.STALLED, what)
        began_s = self._now_s()

        def attempt() -> Awaitable[T]:
            nonlocal began_s
            began_s = self._now_s()
            return call()

        def is_silent() -> bool:
            return self._now_s() - began_s >= _SILENT_S

        def stop_if_silent(error: ServiceError, _: float) -> None:
            self._is_down = True
            if is_silent():
                raise error

        try:
            result = await (call() if self._is_down else self._retrier.run(attempt, stop_if_silent))
        except (ServiceError, asyncio.CancelledError) as error:
            # A cancellation alone says nothing of the store.
            self._is_down |= isinstance(error, ServiceError)
            if is_silent():
                self._is_down, self._rests_until_s = True, self._now_s() + _REST_S
            raise
        self._is_down = False
        return result
