"""The sources: whether each can be opened and read at both ends, and how large it is."""

from pathlib import Path

from bulkput.config.paths import STANDARD_INPUT
from bulkput.config.service import ServiceSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.check.finding import Finding, failed, failure, ok, warning
from bulkput.jobs.session.source import examine_volume, open_to_look
from bulkput.model.block import BLOCKS_PER_GIB, volume_size_gib
from bulkput.model.errors import BulkputError
from bulkput.model.exit_code import ExitCode
from bulkput.model.size import format_size

_LOOK = "Compare the source with the disk that it was made of"


def look_at_source(
    job: ServiceSettings, volume: VolumeSettings, state_dir: Path
) -> tuple[Finding, int]:
    """Judge one volume's source; blocks.

    Args:
        job: How remote sources are reached.
        volume: Whose source.
        state_dir: Where a run of it keeps its state.

    Returns:
        The finding, and the source's blocks as far as they are known.
    """
    name, path = f"source {volume.label}", volume.source.path
    if path is None:
        size_bytes = volume.source.sample_bytes or 0
        return ok(name, f"a sample of {format_size(size_bytes)}, which the run makes"), 0
    if path == STANDARD_INPUT:
        blocks = (volume.snapshot.volume_size_gib or 0) * BLOCKS_PER_GIB
        return ok(name, "standard input, which the run reads"), blocks
    try:
        source, running = open_to_look(job, volume, state_dir)
        try:
            content = examine_volume(source, volume)
            for index in sorted({0} if source.is_sequential else {0, source.block_count - 1}):
                source.read_window(index, 1).close()
        finally:
            source.close()
    except BulkputError as error:
        return failed(name, error), 0
    needed_gib, wanted_gib = volume_size_gib(source.size_bytes), volume.snapshot.volume_size_gib
    kind = source.kind if source.format == "raw" else f"{source.format} {source.kind}"
    what = f"{source.path}: {kind} of {format_size(source.size_bytes)}"
    if wanted_gib is not None and wanted_gib < needed_gib:
        finding = failure(
            name,
            f"{what}, which a volume of {wanted_gib:,} GiB cannot hold",
            f"Set snapshot.volume_size_gib to {needed_gib} or more",
            ExitCode.CONFIGURATION,
        )
    elif running is not None:
        finding = warning(name, f"{what}: {running}", "Wait until it ends, or stop it")
    elif content.notes:
        advice = "Set source.format to raw if it is a disk" if content.doubt else _LOOK
        finding = warning(name, f"{what}: {'; '.join(content.notes)}", advice)
    else:
        read = "its beginning" if source.is_sequential else "both ends"
        finding = ok(name, f"{what}, {read} read, a volume of {wanted_gib or needed_gib:,} GiB")
    return finding, source.block_count
