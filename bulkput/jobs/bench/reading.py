"""How fast a source is read: past the page cache, and as an upload reads what the cache has."""

import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle, islice

from bulkput.jobs.bench.measured import Reading
from bulkput.jobs.bench.rounds import median_rate
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.source.source import Source

_DIRECT_BYTES = 4 << 20
"""Of one request: as large as any disk cares for, and a slow one answers a few in a second."""

_WINDOW_BLOCKS = 16
"""As an upload reads by default."""

_CACHED_WINDOWS = 32
"""256 MiB, read before they are measured."""

_LOOKED_AT = 4096
"""Places of data that are used: 16 GiB, and the search for them ends on a disk of terabytes."""


def read_speed(source: Source, threads: int, budget_s: float) -> Reading:
    """Measure an opened source; half of the time each way. Blocks.

    Raises:
        SourceError: it cannot be read.
    """
    direct = None
    if source.kind in {"file", "device"}:
        direct = _direct(source, threads, budget_s / 2)
    with ThreadPoolExecutor(1 if source.is_sequential else threads) as pool:
        starts = _starts(source)
        if source.is_sequential:
            rate = median_rate(lambda: _window(source, next(starts, 0)), 0.0)
        else:
            known = cycle(islice(starts, _CACHED_WINDOWS))
            rate = median_rate(
                lambda: sum(pool.map(lambda at: _window(source, at), islice(known, threads))),
                budget_s / 2,
            )
    return Reading(str(source.path), direct, rate)


def _starts(source: Source) -> Iterator[int]:
    """Yield the first blocks of windows that lie in data, ascending; block 0 of an empty disk."""
    done = -1
    for extent in source.extents():
        for start in range(
            extent.start - extent.start % _WINDOW_BLOCKS, extent.stop, _WINDOW_BLOCKS
        ):
            if start > done:
                done = start
                yield start
    if done < 0:
        yield 0


def _window(source: Source, start: int) -> int:
    count = min(_WINDOW_BLOCKS, source.block_count - start)
    with closing(source.read_window(start, count)):
        return count * BLOCK_SIZE_BYTES


def _direct(source: Source, threads: int, budget_s: float) -> float:
    """Read the file itself, of an image in its own format, with O_DIRECT.

    A file system that knows no such thing is read through the cache, from which each place was
    dropped before.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        try:
            descriptor, is_direct = os.open(source.path, flags | os.O_DIRECT), True
        except OSError:
            descriptor, is_direct = os.open(source.path, flags), False
        try:
            places = cycle(_places(source, os.lseek(descriptor, 0, os.SEEK_END)))
            with ThreadPoolExecutor(threads) as pool:

                def read_some() -> int:
                    taken = list(islice(places, threads))
                    return sum(pool.map(lambda at: _read(descriptor, at, is_direct), taken))

                return median_rate(read_some, budget_s)
        finally:
            os.close(descriptor)
    except OSError as error:
        what = error.strerror or str(error)
        raise SourceError(source.path, f"cannot be read: {what}") from error


def _places(source: Source, size_bytes: int) -> list[int]:
    """Return where to read: in the data of a raw disk, anywhere in an image."""
    if source.format == "raw":
        scale = BLOCK_SIZE_BYTES * _WINDOW_BLOCKS
        windows = islice(_starts(source), _LOOKED_AT)
        steps = range(0, scale, _DIRECT_BYTES)
        places = [start * BLOCK_SIZE_BYTES + step for start in windows for step in steps]
    else:
        places = list(islice(range(0, size_bytes, _DIRECT_BYTES), _LOOKED_AT))
    return [place for place in places if place < size_bytes] or [0]


def _read(descriptor: int, place: int, is_direct: bool) -> int:  # noqa: FBT001 - beside its caller
    with mmap.mmap(-1, _DIRECT_BYTES) as buffer:  # aligned to pages, as O_DIRECT wants it
        if not is_direct:
            os.posix_fadvise(descriptor, place, _DIRECT_BYTES, os.POSIX_FADV_DONTNEED)
        return os.preadv(descriptor, [buffer], place)
