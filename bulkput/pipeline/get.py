"""The way of one get: a small attempt, and the paced call that is wrapped around it."""

from collections.abc import Callable
from typing import Protocol

from bulkput.ebs.snapshot import GotBlock
from bulkput.model.errors import IntegrityError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.paced_call import PacedCall


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
        call: PacedCall,
        on_retry: OnGetRetry,
    ) -> None:
        self.snapshot_id = snapshot_id
        self._origin = origin
        self._call = call
        self._on_retry = on_retry

    @property
    def pacer(self) -> Pacer:
        """When its gets may start."""
        return self._call.pacer

    async def __call__(self, index: int, token: str) -> GotBlock:
        """Return block ``index``.

        Raises:
            IntegrityError: every attempt returned other bytes than their checksum is of.
            BulkputError: it could not be got.
        """

        def on_retry(error: ServiceError, delay_s: float) -> None:
            self._on_retry(index, error, delay_s)

        try:
            return await self._call.run(
                lambda: self._origin.get_block(self.snapshot_id, index, token), on_retry
            )
        except ServiceError as error:
            if error.failure is not FailureClass.CHECKSUM_MISMATCH:
                raise
            what = f"block {index} of {self.snapshot_id} cannot be had undamaged"
            raise IntegrityError(f"{what}: {error}") from error
