"""A completed snapshot read for its digests alone, in ascending order and bounded memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bulkput.model.block import DIGEST_SIZE_BYTES
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.listing import ListedBlock, Page

_BATCH_BLOCKS = 1024
"""Some seconds of gets: at its end the last ones are waited for, which costs a few percent."""


@dataclass(frozen=True, eq=False)
class Digested:
    """Some blocks that the snapshot has."""

    indexes: npt.NDArray[np.int64]
    digests: npt.NDArray[np.uint8]
    """Of shape ``(len(indexes), 32)``."""


async def digest_blocks(
    pages: AsyncGenerator[Page[ListedBlock], None], get: GetPath
) -> AsyncIterator[Digested]:
    """Yield all listed blocks, ascending; what is in memory is bounded by the path's pacer.

    Raises:
        BulkputError: the snapshot could not be read.
    """
    async with aclosing(pages):
        async for page in pages:
            for at in range(0, len(page.items), _BATCH_BLOCKS):
                yield await _digested(page.items[at : at + _BATCH_BLOCKS], get)


async def _digested(batch: tuple[ListedBlock, ...], get: GetPath) -> Digested:
    async def digest(listed: ListedBlock) -> bytes:
        return (await get(listed.index, listed.token)).digest

    try:
        async with asyncio.TaskGroup() as gets:
            tasks = [gets.create_task(digest(listed)) for listed in batch]
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    content = b"".join(task.result() for task in tasks)
    return Digested(
        np.array([listed.index for listed in batch], dtype=np.int64),
        np.frombuffer(content, dtype=np.uint8).reshape(len(batch), DIGEST_SIZE_BYTES),
    )
