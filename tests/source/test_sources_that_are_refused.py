"""What cannot be a disk is refused with one sentence that says why."""

import os
import socket
from pathlib import Path

import pytest

from bulkput.model.errors import SourceError
from bulkput.model.exit_code import ExitCode
from bulkput.source import source_file as open_module
from bulkput.source.open import open_source


def refused(path: Path | str) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert caught.value.exit_code is ExitCode.SOURCE
    assert "\n" not in str(caught.value)
    return caught.value.what


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert refused(tmp_path / "empty") == "is empty: there is nothing to make a volume of"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "does not exist"
    (tmp_path / "file").touch()
    assert "does not exist" in refused(tmp_path / "file" / "below")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is a directory" in refused(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in refused(tmp_path / "pipe")


def test_a_pipe_that_takes_a_files_place_at_the_last_moment_is_refused_without_waiting(
    tmp_path: Path, monkeypatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(open_module, "_kind", lambda *_: "file")
    assert "was replaced by something else while it was opened" in refused(tmp_path / "pipe")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert "is a socket" in refused("s")


def test_a_character_device_is_refused() -> None:
    assert "is a character device" in refused("/dev/zero")


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "leads in a circle" in refused(tmp_path / "a")


def test_a_path_with_a_nul_is_refused() -> None:
    assert "is not a path" in refused("a\0b")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0)
    if os.geteuid() == 0:  # root may read everything: let the kernel's answer be given by hand

        def deny(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(open_module.os, "open", deny)
    assert "may not be read by this user" in refused(tmp_path / "secret")


def test_more_than_the_largest_volume_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    try:
        os.truncate(path, (64 << 40) + 1)
    except OSError:
        path = Path("/dev/shm") / f"bulkput-test-{os.getpid()}"
        try:
            path.touch()
            os.truncate(path, (64 << 40) + 1)
        except OSError as error:
            path.unlink(missing_ok=True)
            pytest.skip(f"no file system here holds so long a file: {error}")
    try:
        assert "more than the largest volume (64 TiB)" in refused(path)
        os.truncate(path, 64 << 40)
        source = open_source(path)
        assert source.block_count == 134_217_728
        assert list(source.extents(134_217_000)) == []
        source.close()
    finally:
        path.unlink()


def test_links_are_followed_and_the_real_path_is_kept(tmp_path: Path) -> None:
    (tmp_path / "real.img").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real.img")
    source = open_source(tmp_path / "link")
    assert source.path == (tmp_path / "real.img").resolve()
    assert source.kind == "file"
    source.close()


def test_a_refused_source_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "gz").write_bytes(b"BZh91AY&SY")
    before = len(list(Path("/proc/self/fd").iterdir()))
    refused(tmp_path / "empty")
    refused(tmp_path / "gz")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
