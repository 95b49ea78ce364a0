"""One sample disk in every format, as qemu-img makes them."""

import random
import shutil
import subprocess

import pytest

BLOCK = 524_288
BLOCKS = 32
DATA = (0, 1, 5, 9)
"""The blocks that hold data, and block 15, which holds a few bytes."""

MADE = {
    "qcow2": ("qcow2", "-O", "qcow2"),
    "qcow2-compressed": ("qcow2", "-c", "-O", "qcow2"),
    "qcow2-old": ("qcow2", "-O", "qcow2", "-o", "compat=0.10"),
    "qcow2-extended": ("qcow2", "-O", "qcow2", "-o", "extended_l2=on"),
    "vmdk": ("vmdk", "-O", "vmdk"),
    "vmdk-stream": ("vmdk", "-O", "vmdk", "-o", "subformat=streamOptimized"),
    "vhd": ("vhd", "-O", "vpc", "-o", "force_size"),
    "vhd-fixed": ("vhd", "-O", "vpc", "-o", "subformat=fixed,force_size"),
    "vhdx": ("vhdx", "-O", "vhdx"),
    "vdi": ("vdi", "-O", "vdi"),
}
"""Name to the format that it is, and qemu-img's arguments."""


def qemu_img(*arguments):
    if shutil.which("qemu-img") is None or shutil.which("qemu-nbd") is None:
        pytest.skip("qemu-utils is not installed")
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def write_sample(path, seed=1):
    noise = random.Random(seed)
    with path.open("wb") as file:
        file.truncate(BLOCKS * BLOCK)
        for index in DATA:
            file.seek(index * BLOCK)
            file.write(noise.randbytes(BLOCK))
        file.seek(15 * BLOCK + 70_000)
        file.write(b"the last words")
    return path


def content(source):
    """Return the whole disk as a reader that skips holes sees it."""
    disk = bytearray(source.block_count * BLOCK)
    for start, stop in source.extents():
        window = source.read_window(start, stop - start)
        for index in range(start, stop):
            disk[index * BLOCK : (index + 1) * BLOCK] = window.block(index)
            window.release(index)
    return bytes(disk)
