"""Downloads that are killed, stopped or find their state damaged go on, or begin anew."""

import os
import signal

import pytest
from support.downloads import OLDER, assert_holds, left_in, settled_count, start, wait_until
from support.served import BLOCK
from support.snapshots import make_snapshot

from bulkput.emulator.faults import FaultKind


def test_killed_and_stopped_downloads_go_on_where_they_were(bulkput, service, tmp_path, state_dir):
    blocks = {index: os.urandom(BLOCK) for index in range(24)}
    snapshot_id = make_snapshot(service.url, blocks)
    path = tmp_path / "out.img"

    service.fail("GetSnapshotBlock", FaultKind.NEVER_ANSWER, nth=9, times=None)
    process = start(snapshot_id, path)
    wait_until(lambda: settled_count(state_dir) == 8)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not path.exists()

    service.emulator.faults.clear()
    service.fail("GetSnapshotBlock", FaultKind.NEVER_ANSWER, nth=9, times=None)
    process = start(snapshot_id, path)
    wait_until(lambda: settled_count(state_dir) == 16)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert f"resume with: bulkput download {snapshot_id} {path}" in err
    assert "Traceback" not in err

    service.emulator.faults.clear()
    ended = bulkput("download", snapshot_id, path, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["blocks"] == {"total": 2048, "got": 8, "resumed": 16, "zero": 2024}
    assert_holds(path, blocks)
    assert left_in(tmp_path) == ["out.img"]
    assert list(state_dir.glob("downloads/*/*")) == []


@pytest.fixture
def interrupted(bulkput, service, tmp_path):
    """Download until block 5 is refused for good; return the partial file."""
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=5, times=None)
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert ended.status == 4
    service.emulator.faults.clear()
    (partial,) = tmp_path.glob("*.partial")
    return partial


@pytest.mark.parametrize("index", [0, 4, 900], ids=["settled", "between", "not reached"])
def test_what_an_earlier_run_brought_counts_only_if_the_bytes_are_there(
    bulkput, service, interrupted, tmp_path, index
):
    """Nothing vouches for a partial file: a machine went down, or somebody wrote to it."""
    before = interrupted.stat()
    with interrupted.open("r+b") as file:
        os.pwrite(file.fileno(), b"x" * BLOCK, index * BLOCK)
    os.utime(interrupted, ns=(before.st_atime_ns, before.st_mtime_ns))
    ended = bulkput("download", service.older, tmp_path / "out.img", "--output", "json")
    assert ended.status == 0, ended.err
    assert any("read and compared" in note for note in ended.object["notes"])
    assert_holds(tmp_path / "out.img", OLDER)


def test_a_partial_file_that_was_removed_or_changed_in_length_begins_anew(
    bulkput, service, interrupted, tmp_path
):
    interrupted.unlink()
    ended = bulkput("download", service.older, tmp_path / "out.img", "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["blocks"]["resumed"] == 0
    assert_holds(tmp_path / "out.img", OLDER)


@pytest.mark.parametrize("name", ["download.json", "settled"])
def test_damaged_state_costs_gets_and_nothing_else(
    bulkput, service, interrupted, tmp_path, state_dir, name
):
    (path,) = state_dir.glob(f"downloads/*/{name}")
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    ended = bulkput("download", service.older, tmp_path / "out.img", "--force")
    assert ended.status == 0, ended.err
    assert_holds(tmp_path / "out.img", OLDER)
