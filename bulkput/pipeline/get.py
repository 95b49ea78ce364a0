"""The way of one get: a small attempt, and what is wrapped around it.

Composed in ``GetPath.__call__``; each wrapper does one thing and decides nothing.
"""

from collections.abc import Callable
from typing import Protocol

from bulkput.ebs.classify import THROTTLES
from bulkput.ebs.snapshot import GotBlock
from bulkput.model.errors import IntegrityError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.model.progress import Progress
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.retry import Retrier


class BlockOrigin(Protocol):
    """Where blocks come from: the data plane of the service."""

    async def get_block(self, snapshot_id: str, block_index: int, block_token: str) -> GotBlock:
        """Make one attempt; what is returned has the length and the checksum that it should.

        Raises:
            ServiceError: for every way in which an attempt can fail.
        """
        ...


OnGetRetry = Callable[[int, ServiceError, float], None]
"""Block index, error, delay in seconds."""


class GetPath:
    """Gets blocks of one snapshot, each until it is there or has finally failed."""

    def __init__(
        self,
        *,
        snapshot_id: str,
        origin: BlockOrigin,
        pacer: Pacer,
        retrier: Retrier,
        progress: Progress,
        on_retry: OnGetRetry,
    ) -> None:
        self.snapshot_id = snapshot_id
        self._origin = origin
        self._pacer = pacer
        self._retrier = retrier
        self._progress = progress
        self._on_retry = on_retry

    async def __call__(self, index: int, token: str) -> GotBlock:
        """Return block ``index``.

        From the outside in: *retry*, *pace* (waits for rate and slot, before every attempt), and
        one attempt. So every attempt is paced, and no wrapper sees a retry of another.

        Raises:
            IntegrityError: every attempt returned bytes that are not what their checksum says.
            BulkputError: it could not be got.
        """

        def on_retry(error: ServiceError, delay_s: float) -> None:
            self._progress.gets_retried += 1
            self._on_retry(index, error, delay_s)

        try:
            return await self._retrier.run(lambda: self._paced(index, token), on_retry)
        except ServiceError as error:
            if error.failure is not FailureClass.CHECKSUM_MISMATCH:
                raise
            what = f"block {index} of {self.snapshot_id} cannot be had undamaged"
            raise IntegrityError(f"{what}: {error}") from error

    async def _paced(self, index: int, token: str) -> GotBlock:
        progress = self._progress
        admission = await self._pacer.admit()
        progress.gets_attempted += 1
        progress.in_flight += 1
        try:
            block = await self._origin.get_block(self.snapshot_id, index, token)
        except ServiceError as error:
            self._pacer.settled(admission, error.failure)
            name = error.failure.name.lower()
            progress.failures[name] = progress.failures.get(name, 0) + 1
            progress.gets_throttled += error.failure in THROTTLES
            raise
        except BaseException:
            self._pacer.withdraw(admission)
            raise
        else:
            self._pacer.settled(admission, None)
        finally:
            progress.in_flight -= 1
        return block
