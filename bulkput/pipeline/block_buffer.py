"""One block on its way: its bytes while they are held, and how they are let go."""

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.pipeline.budget import ByteBudget
from bulkput.source.source import Window


class HeldBlock:
    """A block's index, digest and bytes; the bytes count against the budget while held.

    The bytes are let go as soon as the kernel has them, not when the answer comes: what waits
    for an answer costs no memory, and a put that must be repeated is read and hashed again. Bytes
    that cannot be read again are kept until the put is done with, and the budget with them.
    """

    __slots__ = ("_budget", "_can_be_reread", "_window", "digest", "index")

    def __init__(
        self,
        index: int,
        digest: bytes,
        window: Window,
        budget: ByteBudget,
        *,
        can_be_reread: bool,
    ) -> None:
        self.index = index
        self.digest = digest
        self._window: Window | None = window
        self._budget = budget
        self._can_be_reread = can_be_reread

    @property
    def is_held(self) -> bool:
        """Whether the bytes are still there."""
        return self._window is not None

    def view(self) -> memoryview:
        """Return the 524288 bytes; only while held."""
        if self._window is None:
            raise RuntimeError(f"block {self.index} has been let go")
        return self._window.block(self.index)

    def release_if_rereadable(self) -> None:
        """Let go of the bytes, which this attempt needs no more, if another could get them."""
        if self._can_be_reread:
            self.release()

    def release(self) -> None:
        """Give bytes and budget back; more than once is harmless."""
        if self._window is not None:
            self._window.release(self.index)
            self._window = None
            self._budget.release(BLOCK_SIZE_BYTES)
