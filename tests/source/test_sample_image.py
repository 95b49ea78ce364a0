"""The sample of the first run has what a real disk has, and is the same every time."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.source import sample
from bulkput.source.open import open_source
from bulkput.source.sample import SampleInfo, make_sample

SIZE_BYTES = 32 << 20


def check_has_everything(info: SampleInfo) -> None:
    source = open_source(info.path)
    assert source.size_bytes == info.size_bytes == SIZE_BYTES + 12_345
    data = [index for extent in source.extents() for index in range(extent.start, extent.stop)]
    written_zeros = 0
    for index in data:
        window = source.read_window(index, 1)
        written_zeros += not any(bytes(window.block(index)).strip(b"\0"))
        window.close()
    assert 0 < written_zeros < len(data)
    assert len(data) < source.block_count
    assert data[-1] == source.block_count - 1
    source.close()


def without_mke2fs(monkeypatch) -> None:
    monkeypatch.setattr(sample.shutil, "which", lambda *_, **__: None)


def test_a_synthetic_sample_has_holes_zeros_and_an_odd_tail(tmp_path: Path, monkeypatch) -> None:
    without_mke2fs(monkeypatch)
    info = make_sample(tmp_path / "sample.img", SIZE_BYTES, seed=1)
    assert info.kind == "synthetic"
    check_has_everything(info)
    assert [file.name for file in tmp_path.iterdir()] == ["sample.img"]


def test_the_seed_decides_about_a_synthetic_sample(tmp_path: Path, monkeypatch) -> None:
    without_mke2fs(monkeypatch)
    contents = []
    for seed in (1, 1, 2):
        make_sample(tmp_path / "sample.img", 8 << 20, seed=seed)
        contents.append((tmp_path / "sample.img").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_a_sample_is_a_real_file_system_where_mke2fs_is_to_be_had(tmp_path: Path) -> None:
    search = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    e2fsck, debugfs = shutil.which("e2fsck", path=search), shutil.which("debugfs", path=search)
    info = make_sample(tmp_path / "sample.img", SIZE_BYTES, seed=1)
    if info.kind != "ext4" or e2fsck is None or debugfs is None:
        pytest.skip("mke2fs, e2fsck or debugfs is not installed")
    check_has_everything(info)
    file_system = tmp_path / "fs"
    file_system.write_bytes(info.path.read_bytes()[:SIZE_BYTES])
    subprocess.run([e2fsck, "-fn", str(file_system)], check=True, capture_output=True)
    command = [debugfs, "-R", "cat /README", str(file_system)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    assert shown.stdout.startswith("A sample disk.")


def test_an_mke2fs_that_fails_leaves_a_synthetic_sample(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sample.shutil, "which", lambda *_, **__: shutil_false())
    info = make_sample(tmp_path / "sample.img", SIZE_BYTES)
    assert info.kind == "synthetic"
    check_has_everything(info)


def shutil_false() -> str:
    return next(str(path) for path in (Path("/bin/false"), Path("/usr/bin/false")) if path.exists())


def test_a_sample_too_small_for_its_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least"):
        make_sample(tmp_path / "a", 16 * BLOCK_SIZE_BYTES - 1)


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be written as a sample"):
        make_sample(tmp_path / "none" / "a.img", SIZE_BYTES)


def test_a_sample_is_as_private_as_the_state_that_it_lies_among(tmp_path):
    assert make_sample(tmp_path / "disk.img", SIZE_BYTES).path.stat().st_mode & 0o777 == 0o600
