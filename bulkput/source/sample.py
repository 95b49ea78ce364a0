"""A sample disk image for the first run: a real ext4 file system where mke2fs is to be had.

Owns its layout: always holes, written zeros and a length that is no multiple of a block. The same
size and seed give the same files and the same synthetic image.
"""

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from random import Random
from typing import BinaryIO, Literal, NamedTuple

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.model.parent import die_with_parent
from bulkput.source.extents import data_extents

SAMPLE_SIZE_MIN_BYTES = 8 << 20
"""ext4 with a journal needs 8 MiB; below it there is no room for a run of each kind either."""

_TAIL_SIZE_BYTES = 12_345
"""Behind the file system, so that the last block is a partial one."""

_FILE_SIZE_MAX_BYTES = 4 << 20
_WRITTEN_ZEROS_BLOCKS = 12
"""6 MiB: more than one read of a small window."""

_MKE2FS_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where it lies on systems whose users have no sbin in their PATH."""

_MKE2FS_LIMIT_S = 60
"""A hundred times what 1 GiB takes."""

_FAKE_TIME_S = "1700000000"


class SampleInfo(NamedTuple):
    """What was made."""

    path: Path
    size_bytes: int
    kind: Literal["ext4", "synthetic"]


def make_sample(path: Path, size_bytes: int, seed: int = 0) -> SampleInfo:
    """Write a sample image to ``path``, replacing what is there. Blocks.

    Args:
        path: In an existing folder.
        size_bytes: Of the file system, rounded down to blocks; the image is 12,345 bytes longer.
        seed: Decides about the content.

    Raises:
        ValueError: less than 8 MiB were asked for.
        SourceError: it cannot be written there.
    """
    if size_bytes < SAMPLE_SIZE_MIN_BYTES:
        raise ValueError(f"a sample has at least {SAMPLE_SIZE_MIN_BYTES} bytes")
    block_count = size_bytes // BLOCK_SIZE_BYTES
    # S311: content to look at, nothing secret.
    random = Random(seed)  # noqa: S311
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)  # of a run that was killed
        # Private as the state files beside it; and never through a link that others put there.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as image:
            image.truncate(block_count * BLOCK_SIZE_BYTES)
        is_ext4 = _make_ext4(partial, block_count, random)
        with partial.open("r+b") as image:
            if is_ext4:
                _write_zeros(image, block_count, partial)
            else:
                _write_synthetic(image, block_count, random)
            image.seek(block_count * BLOCK_SIZE_BYTES)
            image.write(random.randbytes(_TAIL_SIZE_BYTES))
        partial.replace(path)
    except OSError as error:
        raise SourceError(path, f"cannot be written as a sample: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    size_bytes = block_count * BLOCK_SIZE_BYTES + _TAIL_SIZE_BYTES
    return SampleInfo(path, size_bytes, "ext4" if is_ext4 else "synthetic")


def _make_ext4(image: Path, block_count: int, random: Random) -> bool:
    """Fill ``image`` with a file system of generated files; False if it cannot be done."""
    search = f"{os.environ.get('PATH', os.defpath)}:{_MKE2FS_FOLDERS}"
    program = shutil.which("mke2fs", path=search)
    if program is None:
        return False
    with tempfile.TemporaryDirectory(prefix="bulkput-sample-") as name:
        tree = Path(name)
        _write_tree(tree, block_count * BLOCK_SIZE_BYTES * 2 // 5, random)
        volume_uuid = uuid.UUID(int=random.getrandbits(128), version=4)
        command = [program, "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "bulkput", "-m", "0"]
        command += ["-U", str(volume_uuid), "-E", f"root_owner=0:0,hash_seed={volume_uuid}"]
        command += ["-d", str(tree), str(image)]
        # The variable makes the times in the file system those of no day in particular.
        environment = os.environ | {"E2FSPROGS_FAKE_TIME": _FAKE_TIME_S}
        try:
            # S603: the program was looked up, and no shell reads the arguments.
            done = subprocess.run(  # noqa: S603
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_MKE2FS_LIMIT_S,
                preexec_fn=die_with_parent(),
            )
        except (OSError, subprocess.TimeoutExpired):
            done = None
    if done is not None and done.returncode == 0:
        return True
    with image.open("wb") as emptied:  # an old mke2fs without -d may have begun
        emptied.truncate(block_count * BLOCK_SIZE_BYTES)
    return False


def _write_tree(tree: Path, total_bytes: int, random: Random) -> None:
    """Write files of ``total_bytes`` in all: random ones, as a disk's hardest content, and text."""
    (tree / "README").write_text("A sample disk. Its files are random bytes and lines of text.\n")
    data = tree / "data"
    data.mkdir()
    number = 0
    while total_bytes > 0:
        size_bytes = min(total_bytes, random.randint(1, _FILE_SIZE_MAX_BYTES))
        (data / f"{number:04}.bin").write_bytes(random.randbytes(size_bytes))
        total_bytes -= size_bytes
        number += 1
    lines = "".join(f"line {line} of {random.getrandbits(64):016x}\n" for line in range(10_000))
    (tree / "lines.txt").write_text(lines)


def _write_zeros(image: BinaryIO, block_count: int, path: Path) -> None:
    """Write zeros into the first hole that is long enough to stay a hole at its end.

    The content stays the same, so the file system does.
    """
    size_bytes = block_count * BLOCK_SIZE_BYTES
    previous = 0
    for extent in [*data_extents(image.fileno, size_bytes, path), None]:
        hole_blocks = (block_count if extent is None else extent.start) - previous
        if hole_blocks >= 4:
            zeros_blocks = min(_WRITTEN_ZEROS_BLOCKS, hole_blocks // 2)
            image.seek((previous + 1) * BLOCK_SIZE_BYTES)
            image.write(bytes(zeros_blocks * BLOCK_SIZE_BYTES))
            return
        if extent is not None:
            previous = extent.stop


def _write_synthetic(image: BinaryIO, block_count: int, random: Random) -> None:
    """Write runs of random data and of zeros, and leave holes, in turn."""
    block_index = 0
    while block_index < block_count:
        for content in (random.randbytes, bytes, None):
            run_blocks = min(random.randint(1, 8), block_count - block_index)
            if content is not None:
                image.seek(block_index * BLOCK_SIZE_BYTES)
                image.write(content(run_blocks * BLOCK_SIZE_BYTES))
            block_index += run_blocks
