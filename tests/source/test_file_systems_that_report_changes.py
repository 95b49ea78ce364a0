"""An identity vouches for a file's content only where no write leaves the times as they are."""

import fcntl
import gzip
import mmap
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bulkput.source.file_system import FILE_SYSTEMS, file_system_of, settle_times
from bulkput.source.open import open_source

SIZE_BYTES = 1 << 20


@pytest.fixture
def on_tmpfs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def make(path: Path) -> Path:
    path.write_bytes(b"x" * SIZE_BYTES)
    return path


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Give a writable map whose first page is dirty, and stays so: nothing is written back."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), SIZE_BYTES) as content:
        content[0] = 1
        yield content


def identity_of(path: Path) -> tuple[dict[str, object], bool]:
    with closing(open_source(path, format="raw", allow_mounted=True)) as source:
        return source.identity.as_dict(), source.reports_changes


def _reports(path: Path) -> bool:
    with path.open("rb") as file:
        return file_system_of(file.fileno()).reports_changes


def test_a_store_into_a_page_that_is_dirty_already_is_noticed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img")
    if not _reports(path):
        pytest.skip("the file system of temporary files reports no changes")
    with mapped(path) as content:
        before, vouches = identity_of(path)
        content[1] = 2
        after, _ = identity_of(path)
    assert vouches
    assert after != before


def test_on_tmpfs_it_is_not_so_nothing_is_vouched_for(on_tmpfs: Path) -> None:
    path = make(on_tmpfs / "a.img")
    with mapped(path) as content:
        before, vouches = identity_of(path)
        content[1] = 2
        after, _ = identity_of(path)
    assert after == before, "the reason why"
    assert not vouches


def test_a_write_within_the_same_tick_as_the_look_is_noticed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img")
    if not _reports(path):
        pytest.skip("the file system of temporary files reports no changes")
    for number in range(20):
        with path.open("r+b") as file:
            file.write(b"a")
            file.flush()
            before, vouches = identity_of(path)
            file.write(bytes([number]))
            file.flush()
            after, _ = identity_of(path)
        assert vouches
        assert after != before


def test_times_that_are_set_back_are_noticed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img")
    status = path.stat()
    before, _ = identity_of(path)
    path.write_bytes(b"y" * SIZE_BYTES)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert identity_of(path)[0] != before


@pytest.mark.parametrize("ahead_s", [0.0, 0.3])
def test_a_file_that_was_written_in_this_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    """With times of whole seconds until the second is over, else for a tick of the clock."""
    path = make(tmp_path / "a.img")
    if not _reports(path):
        pytest.skip("the file system of temporary files reports no changes")
    now_s = [float(int(path.stat().st_ctime)) + ahead_s]
    real = os.fstat
    slept: list[float] = []

    def fstat(fd: int) -> os.stat_result:
        whole = int(real(fd).st_ctime)
        status = list(real(fd))
        return os.stat_result(status, {"st_ctime": float(whole), "st_ctime_ns": whole * 10**9})

    def sleep(duration_s: float) -> None:
        slept.append(duration_s)
        now_s[0] += duration_s

    monkeypatch.setattr("bulkput.source.file_system.os.fstat", fstat)
    monkeypatch.setattr("bulkput.source.file_system.pause_thread", sleep)
    with path.open("rb") as file:
        assert settle_times(file.fileno(), now_s=lambda: now_s[0])
    assert slept == pytest.approx([1.0 - ahead_s])


def test_a_file_that_is_written_without_end_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.img")
    monkeypatch.setattr("bulkput.source.file_system.pause_thread", lambda _: None)
    with path.open("rb") as file:
        assert not settle_times(file.fileno(), now_s=lambda: path.stat().st_ctime)


def test_no_lease_is_left_behind(tmp_path: Path) -> None:
    with make(tmp_path / "a.img").open("rb") as file:
        settle_times(file.fileno())
        assert fcntl.fcntl(file.fileno(), fcntl.F_GETLEASE) == fcntl.F_UNLCK


def test_an_unknown_file_system_reports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulkput.source.file_system._magic", lambda _: 0xBAD)
    assert not file_system_of(0).reports_changes


def test_every_row_has_a_name_and_a_reason() -> None:
    assert all(each.name and each.reason for each in FILE_SYSTEMS.values())


def test_an_image_vouches_for_nothing_where_one_of_its_layers_does_not(
    tmp_path: Path, on_tmpfs: Path
) -> None:
    if shutil.which("qemu-nbd") is None:
        pytest.skip("qemu-nbd is not installed")
    base, top = make(on_tmpfs / "base.img"), tmp_path / "top.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top]
    subprocess.run(command, check=True)
    with closing(open_source(top, allow_backing_file=True)) as source:
        assert not source.reports_changes


def test_what_is_compressed_is_as_the_file_that_it_lies_in(on_tmpfs: Path, tmp_path: Path) -> None:
    for folder in (on_tmpfs, tmp_path):
        path = folder / "a.img.gz"
        path.write_bytes(gzip.compress(b"x" * SIZE_BYTES))
        with closing(open_source(path, volume_size_gib=1)) as source:
            assert source.reports_changes == _reports(path)
