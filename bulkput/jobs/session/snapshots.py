"""Calls about whole snapshots: described, waited for, sealed, listed, deleted, each repeated.

EC2 lags behind the EBS direct APIs, which know a new snapshot at once and a completed one up to a
minute later. What that means for whoever asks stands here and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from bulkput.ebs.snapshot import FoundSnapshot, SnapshotPage, SnapshotState
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY
from bulkput.model.clock import Clock
from bulkput.model.errors import AnswerError, ConfigError, Problem, ServiceError, SnapshotError
from bulkput.model.failure import FailureClass
from bulkput.model.snapshot_id import SNAPSHOT_ID_EXPECTED, is_snapshot_id
from bulkput.pace.gate import CallGate, OpenCallGate
from bulkput.pipeline.retry import OnRetry, Retrier

SHOWN_WITHIN_S = 120.0
"""From the start on. As long as puts may take to find it (two minutes, says the EBS team): a small
upload is over before that."""

_PAGES_MAX = 100
"""A page has up to 200 snapshots, and may be short; the quota of pending ones is 100."""

_POLL_S = 2.0
"""As coldsnap polls; in the common case EC2 has known it since the first second."""


def require_snapshot_id(text: str, name: str = "SNAPSHOT") -> str:
    """Return ``text`` if it can be a snapshot's id.

    Raises:
        ConfigError: it cannot.
    """
    if not is_snapshot_id(text):
        raise ConfigError((Problem(name, f"expected {SNAPSHOT_ID_EXPECTED}"),))
    return text


class SnapshotCalls(Protocol):
    """One attempt of each call; ``ControlPlane`` is one."""

    async def describe_snapshot(self, snapshot_id: str) -> SnapshotState | None:
        """Return what EC2 reports of a snapshot; None if it does not know it."""
        ...

    async def delete_snapshot(self, snapshot_id: str) -> None:
        """Delete a snapshot; one that is gone is no error."""
        ...

    async def complete_snapshot(
        self, snapshot_id: str, changed_blocks_count: int, linear_checksum_b64: str
    ) -> str:
        """Seal a snapshot; return its Status. Repeating it is harmless."""
        ...

    async def pending_snapshots_page(
        self, tag_key: str | None, page_token: str | None = None
    ) -> SnapshotPage:
        """Return one page of the account's own pending snapshots, all or those with the tag."""
        ...


@dataclass(frozen=True, repr=False, eq=False)
class Snapshots:
    """The snapshots of one account, as EC2 sees them."""

    calls: SnapshotCalls
    retrier: Retrier
    on_retry: OnRetry
    """Reports repeated calls."""
    clock_offset_s: Callable[[], float] = lambda: 0.0
    """By what the service's answers have shown so far, how far its clock is ahead of ours."""

    completes: CallGate = field(default_factory=OpenCallGate)
    """When CompleteSnapshot may be called."""

    def now_unix_s(self) -> float:
        """Return the service's time."""
        return self.clock.unix_s() + self.clock_offset_s()

    @property
    def clock(self) -> Clock:
        """By which it waits."""
        return self.retrier.clock

    async def describe(self, snapshot_id: str) -> SnapshotState | None:
        """Return what EC2 reports of a snapshot; None if it does not know it.

        Raises:
            BulkputError: there is no answer.
        """
        call = partial(self.calls.describe_snapshot, snapshot_id)
        return await self.retrier.run(call, self.on_retry)

    async def describe_new(
        self, snapshot_id: str, age_s: float, on_unknown: Callable[[], None]
    ) -> SnapshotState | None:
        """Return what EC2 reports of a snapshot that may be new; None only if it is gone.

        "EC2 does not know it" means that a snapshot is gone only when it is no longer new.

        Args:
            snapshot_id: The snapshot.
            age_s: Since it was started.
            on_unknown: Called once, if EC2 has to be asked again.

        Raises:
            BulkputError: there is no answer.
        """
        end_s = self.clock.monotonic_s() + SHOWN_WITHIN_S - max(0.0, age_s)
        live = await self.describe(snapshot_id)
        if live is None and self.clock.monotonic_s() < end_s:
            on_unknown()
        while live is None and self.clock.monotonic_s() < end_s:
            await self.clock.sleep(_POLL_S)
            live = await self.describe(snapshot_id)
        return live

    async def describe_completed(self, snapshot_id: str) -> SnapshotState | None:
        """Return what EC2 reports of a completed snapshot; None if EC2 may not be asked.

        Afterwards the retrier waits for the direct side, which may lag a minute behind.

        Raises:
            SnapshotError: it is not completed, or EC2 does not know it.
            BulkputError: there is no answer.
        """
        try:
            live = await self.describe(snapshot_id)
        except ServiceError as error:
            if error.failure is not FailureClass.ACCESS_DENIED:
                raise
            return None
        if live is None:
            raise SnapshotError(snapshot_id, "EC2 does not know it in this Region and account")
        if live.state != "completed":
            why = f" ({live.state_message})" if live.state_message else ""
            what = f"is {live.state}{why}: only completed ones can be read"
            raise SnapshotError(snapshot_id, what)
        self.retrier.snapshot_started_s = self.clock.monotonic_s()
        return live

    async def complete(
        self, snapshot_id: str, changed_blocks_count: int, linear_checksum_b64: str
    ) -> str:
        """Seal a snapshot and return the answer's Status, which validates nothing.

        Raises:
            BulkputError: it was refused.
        """
        call = partial(
            self.calls.complete_snapshot, snapshot_id, changed_blocks_count, linear_checksum_b64
        )
        return await self.retrier.run_gated(self.completes, call, self.on_retry)

    async def delete(self, snapshot_id: str) -> None:
        """Delete a snapshot; one that is gone is no error.

        Raises:
            BulkputError: it was refused.
        """
        call = partial(self.calls.delete_snapshot, snapshot_id)
        await self.retrier.run(call, self.on_retry)

    async def list_pending_tagged(self) -> list[FoundSnapshot]:
        """Return the account's pending snapshots that carry the owner tag.

        Raises:
            BulkputError: as ``list_pending``.
        """
        return await self.list_pending(OWNER_TAG_KEY)

    async def list_pending(self, tag_key: str | None = None) -> list[FoundSnapshot]:
        """Return the account's pending snapshots, all or those with a tag; at most 100 can exist.

        Raises:
            AnswerError: the list does not end.
            BulkputError: there is no answer.
        """
        found: list[FoundSnapshot] = []
        page_token: str | None = None
        for _ in range(_PAGES_MAX):
            call = partial(self.calls.pending_snapshots_page, tag_key, page_token)
            page = await self.retrier.run(call, self.on_retry)
            found += page.snapshots
            page_token = page.next_token
            if page_token is None:
                return found
        what = f"{_PAGES_MAX} pages came, and its NextToken still leads to another"
        raise AnswerError("DescribeSnapshots", what)
