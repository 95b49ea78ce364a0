"""Keeps one upload in the store while it is worked on: whatever the store does, the upload goes on.

A store that cannot be reached costs a warning and freshness. Only another host that has the upload
ends it, and a store that another version of bulkput wrote.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from bulkput.model.clock import Clock, boottime_s
from bulkput.model.duration import format_duration
from bulkput.model.errors import (
    AnswerError,
    BulkputError,
    ConfigError,
    CredentialsError,
    ServiceError,
    TemporaryError,
)
from bulkput.store.lease import lease_s
from bulkput.store.mirror import Held, LostError, Mirror
from bulkput.store.take_up import TakeUp

_log = logging.getLogger(__name__)

SOON_LIMIT_S = 3.0
"""For a cut that a step of the upload waits for, and for the last one of a store that fails."""

END_LIMIT_S = 6.0
"""For the last cut, some megabytes and two requests: with the puts in flight, which take a second,
it fits into the 10 s that containers have from SIGTERM to SIGKILL."""

NOTICE_LIMIT_S = 60.0
"""For the last cut after a spot notice, which comes two minutes before the machine ends: half of
them, because a notice is seen up to 5 s late and several volumes share the link."""

NEEDED_LIMIT_S = 300.0
"""For a cut without which the upload takes no further step; the attempt is repeated after it."""

_AGAIN_S = 5.0
"""Between two tries of one cut, where there is time for more than one."""

TROUBLES = (ServiceError, CredentialsError, ConfigError, AnswerError)
"""Of the store; what the folder or another host raises is no trouble of the store's."""

STORE_CLOCK_S = 1.2
"""Less than a lease lasts: the store's times are in whole seconds, so that a cut looks up to one
older than it is, and a put that was let start needs a moment to leave."""

Warn = Callable[[str], None]
"""Warns the user at once."""


def _unheard(_until_s: float) -> None:
    pass


@dataclass
class EndTime:
    """How long the last cuts may take. Mutable: a spot notice leaves them more time."""

    limit_s: float = END_LIMIT_S
    is_extended: bool = False

    def extend(self) -> None:
        """Let the last cuts have the time of a spot notice."""
        self.limit_s, self.is_extended = NOTICE_LIMIT_S, True


class Keeper:
    """One upload's; ``begin``, then ``run`` beside the upload, then ``end``."""

    def __init__(
        self,
        take_up: TakeUp,
        mirror: Callable[[Held], Mirror],
        *,
        shown: str,
        interval_s: float,
        warn: Warn,
        clock: Clock,
        end_time: EndTime,
        on_held: Callable[[float], None] = _unheard,
    ) -> None:
        """Ask nobody yet.

        Args:
            take_up: How the upload is held.
            mirror: Makes what writes its cuts.
            shown: The store's address.
            interval_s: Between two cuts.
            warn: Told of the store's troubles, once each time that it fails.
            clock: For waits.
            end_time: Of the last cut.
            on_held: Hears, after each cut but the last, until when nobody else can have the
                upload, by ``boottime_s``.
        """
        self._end_time = end_time
        self._take_up = take_up
        self._new_mirror = mirror
        self._shown = shown
        self._interval_s = interval_s
        self._on_held = on_held
        self._held_s = lease_s(interval_s) - STORE_CLOCK_S
        self._warn = warn
        self._clock = clock
        self._mirror: Mirror | None = None
        self._trouble: BulkputError | None = None
        self._soon = asyncio.Event()
        self._is_lost = False

    async def begin(self) -> None:
        """Hold the upload, and have the ledger that is to be gone on with; or go on without.

        Raises:
            LedgerError: another host or process works on it, or the store is of another version.
            BulkputError: the folder cannot be used.
        """

        async def hold() -> None:
            self._mirror = self._new_mirror(await self._take_up.take())

        await self._try(hold, None)

    async def run(self) -> None:
        """Bring the store up to date, again and again; ends only by cancellation.

        Raises:
            LostError: another host has the upload.
        """
        while True:
            self._soon.clear()
            await self._try(self._cut, None)
            await self._pause()

    async def _pause(self) -> None:
        """Wait for the next cut's time, or until one is wanted."""
        waiting = asyncio.ensure_future(self._soon.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(self._interval_s))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    def want_cut(self) -> None:
        """Let ``run`` make a cut now: something was begun that another host should know."""
        self._soon.set()

    async def cut_now(self, *, is_needed: bool = False) -> None:
        """Make a cut, if the store takes one soon: the upload waits for it.

        Args:
            is_needed: It waits for minutes, and goes on with a cut only.

        Raises:
            LostError: another host has the upload.
            TemporaryError: one is needed, and the store took none.
        """
        if not is_needed:
            if self._trouble is None:
                await self._try(self._cut, SOON_LIMIT_S)
            return
        await self._repeat(self._cut, NEEDED_LIMIT_S)
        if self._trouble is not None:
            raise TemporaryError(
                f"{self._shown} has taken nothing for {format_duration(NEEDED_LIMIT_S)}, and "
                "without it another host would not know of the step that comes next: "
                f"{self._trouble}"
            )

    async def end(self) -> str | None:
        """Make the last cut, and let others have the upload; return what is stale, if it failed."""
        if self._is_lost:
            return None  # the store is as the other host wants it
        with suppress(LostError):
            await self._release()
        if self._mirror is not None:
            _log.info("%s: %s", self._shown, self._mirror.counts)
        if self._trouble is None:
            return None
        mirror, what = self._mirror, str(self._trouble)
        if mirror is None or mirror.cut_s is None:
            return f"{self._shown} has nothing of this run: {what}"
        stale_s = self._clock.monotonic_s() - mirror.cut_s
        return (
            f"{self._shown} has this upload as it was {format_duration(stale_s)} ago, and another "
            f"host would put what came since again: {what}"
        )

    async def _release(self) -> None:
        """Make the last cut; after a spot notice again and again while there is time."""

        async def release() -> None:
            await self._cut(release=True)

        end_time = self._end_time
        limit_s = end_time.limit_s
        if self._trouble is not None and not end_time.is_extended:
            limit_s = SOON_LIMIT_S
        if end_time.is_extended:
            await self._repeat(release, limit_s, holds=False)
        else:
            await self._try(release, limit_s, holds=False)

    async def _repeat(
        self, work: Callable[[], Awaitable[None]], limit_s: float, *, holds: bool = True
    ) -> None:
        """Try ``work`` as ``_try`` does, again and again while there is time."""
        now_s = self._clock.monotonic_s
        until_s = now_s() + limit_s
        await self._try(work, limit_s, holds=holds)
        while self._trouble and now_s() + _AGAIN_S < until_s:
            await self._clock.sleep(_AGAIN_S)
            await self._try(work, until_s - now_s(), holds=holds)

    async def _cut(self, *, release: bool = False) -> None:
        if self._mirror is None:
            self._mirror = self._new_mirror(await self._take_up.take(only_own=True))
        await self._mirror.cut(release=release)

    async def _try(
        self, work: Callable[[], Awaitable[None]], limit_s: float | None, *, holds: bool = True
    ) -> None:
        """Do ``work``; a store that fails is reported once, until it works again.

        Args:
            work: By which the upload is held anew, or let go.
            limit_s: For how long.
            holds: Whether it is held anew.
        """
        began_s = boottime_s()
        try:
            async with asyncio.timeout(limit_s):
                await work()
        except LostError:
            self._is_lost = True
            raise
        except TROUBLES as error:
            trouble: BulkputError = error
        except TimeoutError:
            trouble = TemporaryError(f"no answer within {limit_s:g} s")
        else:
            if holds:
                self._on_held(began_s + self._held_s)
            if self._trouble is not None:
                self._trouble = None
                self._warn(f"{self._shown} can be written again")
            return
        if self._trouble is None:
            self._warn(f"{self._shown} cannot be used for now, and the upload goes on: {trouble}")
        self._trouble = trouble
