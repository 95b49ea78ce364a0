"""The job's side of a lane's keys: one source for all, handed on when they change.

So a metadata service, a role's session or a credential process is asked once, not by each process.
Keys travel through the socket pair alone; they are on no command line and in no environment.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from bulkput.ebs.credentials import CredentialSource
from bulkput.jobs.lanes.protocol import Keys, KeysRefreshed, OfSource, ToLane
from bulkput.model.errors import BulkputError


class KeyHolder(Protocol):
    """A lane, as far as keys matter."""

    keys: Keys | None
    """What it was sent last."""

    def send(self, message: Keys | KeysRefreshed) -> None:
        """Put a message on its way."""
        ...


class SourceKeys:
    """A lane as the holder of other keys: of the service that it copies from."""

    def __init__(self, send: Callable[[ToLane], None]) -> None:
        self.keys: Keys | None = None
        self._send = send

    def send(self, message: Keys | KeysRefreshed) -> None:
        """Put a message on its way that is about these keys."""
        self._send(OfSource(message))


class KeySender:
    """Sends lanes what the job's source has."""

    def __init__(self, source: CredentialSource) -> None:
        """Ask nothing yet."""
        self._source = source
        self._latest: Keys | None = None
        self._looking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def latest(self) -> Keys:
        """Return what the source has: the same object until that changes. Never raises for it."""
        known = self._latest
        try:
            credentials = await self._source.current()
        except BulkputError as error:
            if known is None or str(known.error) != str(error):
                self._latest = known = Keys(None, error)
        else:
            if known is None or known.credentials is not credentials:
                self._latest = known = Keys(credentials)
        return known

    def look(self, lanes: Iterable[KeyHolder]) -> None:
        """Send whom of ``lanes`` has older keys the new ones, as soon as the source has answered.

        The source renews keys long before they expire (botocore: 15 min), if it is asked.
        """
        if self._looking is None or self._looking.done():
            self._looking = self._begin(self._send(list(lanes)))

    def refresh(self, lane: KeyHolder) -> None:
        """Get new keys, because the service refused those of ``lane``, and answer it."""
        self._begin(self._refresh(lane))

    async def close(self) -> None:
        """Ask and send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, lanes: list[KeyHolder]) -> None:
        if not lanes:
            return
        keys = await self.latest()
        for lane in lanes:
            if lane.keys is not keys:
                lane.keys = keys
                lane.send(keys)

    async def _refresh(self, lane: KeyHolder) -> None:
        refused: BulkputError | None = None
        try:
            await self._source.refresh()
            await self._send([lane])
        except BulkputError as error:
            refused = error
        finally:
            lane.send(KeysRefreshed(refused))

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
