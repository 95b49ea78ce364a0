"""What a snapshot is compared with: a source, byte for byte, or a manifest, digest by digest.

Blocking: a reference is asked in a worker.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from bulkput.ebs.snapshot import GotBlock
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import ZERO_BLOCK_DIGEST, Extent
from bulkput.model.difference import BlockDifference, DifferenceKind
from bulkput.pipeline.hashing import is_zero
from bulkput.source.source import Source

Blocks = Mapping[int, GotBlock]
"""What the snapshot has, by index; a block that is not in it was never written."""


class Reference(Protocol):
    """Knows what every block should be."""

    @property
    def block_count(self) -> int:
        """Blocks that it describes; all beyond should be zeros."""
        ...

    @property
    def is_sequential(self) -> bool:
        """Whether it is to be asked in ascending order, of one extent at a time."""
        ...

    def extents(self) -> Iterator[Extent]:
        """Yield where there may be something else than zeros: ascending, disjoint.

        Raises:
            BulkputError: it cannot be examined.
        """
        ...

    def differences(self, extent: Extent, blocks: Blocks) -> Iterator[BlockDifference]:
        """Yield the blocks of ``extent`` that are not what they should be, ascending.

        Raises:
            BulkputError: it cannot be read.
        """
        ...


class SourceReference:
    """The source that the snapshot was made of.

    In an encrypted snapshot a block that was never written reads as noise, so there every block
    of the source has to be there, zeros too.
    """

    def __init__(self, source: Source, *, encrypted: bool) -> None:
        self.source = source
        self.encrypted = encrypted
        self.block_count = source.block_count
        self.is_sequential = source.is_sequential

    def extents(self) -> Iterator[Extent]:
        if self.encrypted:
            return iter([Extent(0, self.block_count)])
        return self.source.extents()

    def differences(self, extent: Extent, blocks: Blocks) -> Iterator[BlockDifference]:
        inside = min(extent.stop, self.block_count)
        if extent.start < inside:
            yield from self._inside(Extent(extent.start, inside), blocks)
        for index in range(max(extent.start, inside), extent.stop):
            got = blocks.get(index)
            if got is not None and got.digest != ZERO_BLOCK_DIGEST:
                yield BlockDifference(index, DifferenceKind.EXTRA, "source")

    def _inside(self, extent: Extent, blocks: Blocks) -> Iterator[BlockDifference]:
        window = self.source.read_window(extent.start, extent.block_count)
        try:
            for index in range(extent.start, extent.stop):
                kind = self._judge(window.block(index), blocks.get(index))
                window.release(index)
                if kind is not None:
                    yield BlockDifference(index, kind, "source")
        finally:
            window.close()

    def _judge(self, expected: memoryview, got: GotBlock | None) -> DifferenceKind | None:
        if got is None:
            is_same = not self.encrypted and is_zero(expected)
            return None if is_same else DifferenceKind.MISSING
        both = (np.frombuffer(expected, np.uint64), np.frombuffer(got.content, np.uint64))
        if np.array_equal(*both):
            return None
        return DifferenceKind.EXTRA if is_zero(expected) else DifferenceKind.DIFFERS


class ManifestReference:
    """The digests of what the snapshot was given, kept when it was completed."""

    is_sequential = False

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.block_count = manifest.header.block_count

    def extents(self) -> Iterator[Extent]:
        return self.manifest.extents()

    def differences(self, extent: Extent, blocks: Blocks) -> Iterator[BlockDifference]:
        present = self.manifest.present(extent.start, extent.stop)
        digests = self.manifest.digests(extent.start, extent.stop)
        for position, index in enumerate(range(extent.start, extent.stop)):
            expected = digests[position].tobytes() if present[position] else None
            kind = self._judge(expected, blocks.get(index))
            if kind is not None:
                yield BlockDifference(index, kind, "manifest")

    def _judge(self, expected: bytes | None, got: GotBlock | None) -> DifferenceKind | None:
        if got is None:
            reads_the_same = expected == ZERO_BLOCK_DIGEST and not self.manifest.header.encrypted
            return None if expected is None or reads_the_same else DifferenceKind.MISSING
        if got.digest == (expected or ZERO_BLOCK_DIGEST):
            return None
        return DifferenceKind.EXTRA if expected is None else DifferenceKind.DIFFERS
