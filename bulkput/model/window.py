"""How many blocks of a source are read at a time: a window, of which several fit the memory."""

from bulkput.model.block import BLOCK_SIZE_BYTES

WINDOWS_PER_BUDGET = 4
"""One window being read, one hashed, two whose blocks are on their way: fewer would stall."""


def window_that_fits(memory_bytes: int, most_blocks: int) -> int:
    """Return how many blocks a window may have, 1 at least.

    Args:
        memory_bytes: That all windows may hold together.
        most_blocks: More are not wanted, whatever there is.
    """
    return max(1, min(most_blocks, memory_bytes // (WINDOWS_PER_BUDGET * BLOCK_SIZE_BYTES)))
