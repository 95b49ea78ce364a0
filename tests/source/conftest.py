"""Sparse files and loop devices for the source's tests."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support.loops import loop_devices

MakeFile = Callable[[str, int, Mapping[int, bytes]], Path]
Attach = Callable[..., Path]


def write_sparse(path: Path, size_bytes: int, pieces: Mapping[int, bytes]) -> Path:
    """Write ``pieces`` at their offsets into a file of ``size_bytes`` that is a hole elsewhere."""
    with path.open("wb") as file:
        file.truncate(size_bytes)
        for offset_bytes, content in pieces.items():
            os.pwrite(file.fileno(), content, offset_bytes)
    return path


@pytest.fixture
def sparse_file(tmp_path: Path) -> MakeFile:
    def make(name: str, size_bytes: int, pieces: Mapping[int, bytes]) -> Path:
        return write_sparse(tmp_path / name, size_bytes, pieces)

    return make


@pytest.fixture
def attach_loop() -> Iterator[Attach]:
    with loop_devices() as attach:
        yield lambda image, *options: Path(attach(image, *options))


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Make ext4 on a device and mount it, or skip the test with what the machine said."""
    mounted: list[Path] = []

    def mount_device(device: Path) -> Path:
        mount_point = tmp_path / "mount point"
        mount_point.mkdir()
        for command in (["mke2fs", "-q", str(device)], ["mount", str(device), str(mount_point)]):
            if shutil.which(command[0]) is None:
                pytest.skip(f"{command[0]} is not installed")
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounted.append(mount_point)
        return mount_point

    yield mount_device
    for mount_point in mounted:
        subprocess.run(["umount", str(mount_point)], check=True)
