"""What a snapshot is compared with, for other processes: as data, and descriptors beside that."""

from collections.abc import Sequence
from contextlib import ExitStack

from bulkput.jobs.lanes.lane_volume import open_shared_manifest
from bulkput.jobs.lanes.orders import (
    SharedManifest,
    SharedManifestReference,
    SharedReference,
    SharedSourceReference,
)
from bulkput.pipeline.reference import ManifestReference, Reference, SourceReference
from bulkput.source.shared import share


def share_references(
    references: Sequence[Reference],
) -> tuple[tuple[SharedReference, ...], tuple[int, ...]] | None:
    """Return references as data, and the descriptors of their files, which stay their owners'.

    Returns:
        None where one cannot be read by several processes at once: a stream has one position, and
        a remote object is held up by its network, not by a processor.
    """
    shared: list[SharedReference] = []
    descriptors: tuple[int, ...] = ()
    for reference in references:
        if isinstance(reference, ManifestReference):
            manifest = SharedManifest(reference.manifest.path, reference.manifest.header)
            shared.append(SharedManifestReference(manifest, reference.block_count))
            continue
        if not isinstance(reference, SourceReference) or reference.is_sequential:
            return None
        found = share(reference.source)
        if found is None:
            return None
        source, more = found
        shared.append(SharedSourceReference(source, reference.encrypted))
        descriptors += more
    return tuple(shared), descriptors


def open_references(
    shared: Sequence[SharedReference], descriptors: Sequence[int], stack: ExitStack
) -> tuple[Reference, ...]:
    """Return the references, to which the descriptors belong, until ``stack`` closes. Blocks.

    Raises:
        BulkputError: one cannot be opened.
    """
    opened: list[Reference] = []
    left = list(descriptors)
    for each in shared:
        if isinstance(each, SharedSourceReference):
            count = len(each.source.files)
            source = each.source.open(left[:count])
            stack.callback(source.close)
            del left[:count]
            opened.append(SourceReference(source, encrypted=each.encrypted))
        else:
            manifest = ManifestReference(open_shared_manifest(each.manifest, stack))
            manifest.block_count = each.block_count
            opened.append(manifest)
    return tuple(opened)
