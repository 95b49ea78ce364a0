"""``download`` against a real server: what comes back is what was put, whatever happens."""

import errno
import os
import shutil
import signal
import subprocess
import time

import pytest
from support.served import BLOCK, Served
from support.snapshots import make_snapshot, write_manifest
from support.started import Started

from bulkput.emulator.faults import FaultKind
from bulkput.ledger.head import HEAD_SIZE_BYTES
from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.record import RECORD_SIZE_BYTES
from bulkput.target import zeroing

GIB = 1 << 30
OLDER = {0: b"a" * BLOCK, 1: b"b" * BLOCK, 3: bytes(BLOCK), 5: b"f" * BLOCK, 2047: b"z" * BLOCK}
CHANGES = {1: b"B" * BLOCK, 5: bytes(BLOCK), 7: b"h" * BLOCK}
NEWER = OLDER | CHANGES


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a server that has an older snapshot and its child, which no test may change."""
    served = Served(tmp_path_factory.mktemp("download") / "served")
    served.older = make_snapshot(served.url, OLDER)
    served.newer = make_snapshot(served.url, CHANGES, ParentSnapshotId=served.older)
    yield served
    served.stop()


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def service(served, state_dir, monkeypatch):
    for name, value in served.environment(state_dir).items():
        monkeypatch.setenv(name, value)
    served.emulator.faults.clear()
    return served


@pytest.fixture
def attach_loop():
    """Attach a file as a loop device, or skip the test with what the machine said."""
    devices = []

    def attach(image):
        if shutil.which("losetup") is None:
            pytest.skip("losetup is not installed")
        command = ["losetup", "--find", "--show", str(image)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no loop device here: {done.stderr.strip()}")
        devices.append(done.stdout.strip())
        return devices[-1]

    yield attach
    for device in devices:
        subprocess.run(["losetup", "--detach", device], check=True)


def assert_holds(path, blocks, size_bytes=GIB):
    """Compare a file or device with blocks, and all between with zeros."""
    fd = os.open(path, os.O_RDONLY)
    try:
        assert os.lseek(fd, 0, os.SEEK_END) == size_bytes
        for index in sorted(set(blocks) | data_blocks(fd, size_bytes)):
            found = os.pread(fd, BLOCK, index * BLOCK)
            assert found == blocks.get(index, bytes(BLOCK))[: len(found)], f"block {index}"
    finally:
        os.close(fd)


def data_blocks(fd, size_bytes):
    """Return the blocks that are no holes; all of a device."""
    found, at = set(), 0
    try:
        while at < size_bytes:
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found |= set(range(start // BLOCK, -(-at // BLOCK)))
    except OSError as error:
        if error.errno != errno.ENXIO:
            return set(range(-(-size_bytes // BLOCK)))
    return found


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_snapshot_becomes_a_file_of_the_volumes_size_with_holes(bulkput, service, tmp_path):
    path = tmp_path / "out.img"
    ended = bulkput("download", service.older, path, "--output", "json")
    assert ended.status == 0, ended.err
    assert_holds(path, OLDER)
    assert path.stat().st_blocks * 512 == 4 * BLOCK  # the block of zeros is a hole
    assert path.stat().st_mode & 0o777 == 0o600
    facts = ended.object
    assert (facts["status"], facts["kind"], facts["changed_since"]) == ("completed", "file", None)
    assert (facts["size_bytes"], facts["size_from"]) == (GIB, "volume")
    assert facts["blocks"] == {"total": 2048, "got": 5, "resumed": 0, "zero": 2044}
    assert left_in(tmp_path) == ["out.img"]
    assert bulkput("verify", service.older, "--source", path).status == 0


def test_the_file_gets_the_sources_length_where_the_manifest_tells_it(
    bulkput, service, tmp_path, state_dir
):
    size_bytes = 5 * BLOCK + 1234
    tail = os.urandom(1234)
    blocks = {0: os.urandom(BLOCK), 5: tail.ljust(BLOCK, b"\0")}
    snapshot_id = make_snapshot(service.url, blocks)
    path = manifest_path(state_dir, snapshot_id)
    write_manifest(path, snapshot_id, blocks, source_path="/d", source_size_bytes=size_bytes)
    ended = bulkput("download", snapshot_id, tmp_path / "out.img")
    assert (ended.status, ended.out) == (0, f"{tmp_path / 'out.img'}\n"), ended.err
    assert "the source's length, as its manifest tells" in ended.err
    assert_holds(tmp_path / "out.img", blocks, size_bytes)
    assert bulkput("download", snapshot_id, tmp_path / "whole.img", "--whole-volume").status == 0
    assert_holds(tmp_path / "whole.img", blocks)


def test_data_beyond_the_length_of_the_manifest_is_refused(bulkput, service, tmp_path, state_dir):
    path = manifest_path(state_dir, service.older)
    write_manifest(path, service.older, OLDER, source_path="/d", source_size_bytes=5 * BLOCK + 9)
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert ended.status == 7
    assert "has data beyond the" in ended.err
    assert not (tmp_path / "out.img").exists()


def test_the_upload_of_a_file_comes_back_as_that_file(bulkput, service, tmp_path):
    source = tmp_path / "disk.img"
    with source.open("wb") as file:
        file.write(os.urandom(3 * BLOCK) + bytes(BLOCK))
        file.seek(9 * BLOCK)
        file.write(b"end")
    snapshot_id = bulkput("upload", source).out.strip()
    assert bulkput("download", snapshot_id, tmp_path / "back.img").status == 0
    assert (tmp_path / "back.img").read_bytes() == source.read_bytes()
    assert (tmp_path / "back.img").stat().st_blocks * 512 <= 4 * BLOCK


def test_faults_of_the_service_are_got_over(bulkput, service, tmp_path):
    kinds = [
        FaultKind.THROTTLE_SNAPSHOT,
        FaultKind.THROTTLE_ACCOUNT,
        FaultKind.INTERNAL_ERROR,
        FaultKind.TRUNCATE_ANSWER,
        FaultKind.STORE_THEN_CLOSE,
        FaultKind.CORRUPT_BLOCK,
    ]
    for kind in kinds:
        service.fail("GetSnapshotBlock", kind)
    service.fail("ListSnapshotBlocks", FaultKind.EMPTY_PAGE, nth=2)
    ended = bulkput("download", service.older, tmp_path / "out.img", "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["gets"] == {"attempts": 11, "retried": 6, "throttled": 2}
    assert service.emulator.faults.unreached() == []
    assert_holds(tmp_path / "out.img", OLDER)


def test_a_block_that_stays_damaged_is_named_and_no_file_is_left_under_the_name(
    bulkput, service, tmp_path
):
    path = tmp_path / "out.img"
    service.fail("GetSnapshotBlock", FaultKind.CORRUPT_BLOCK, block_index=1, times=None)
    ended = bulkput("download", service.older, path)
    assert (ended.status, ended.out) == (7, "")
    assert f"block 1 of {service.older} cannot be had undamaged" in ended.err
    assert not path.exists()
    service.emulator.faults.clear()
    ended = bulkput("download", service.older, path, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["blocks"]["got"] + ended.object["blocks"]["resumed"] == 5
    assert_holds(path, OLDER)


def test_a_stalled_get_is_left_and_repeated(bulkput, service, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\ntuning: {no_progress_deadline: 0.3s}\n")
    service.fail("GetSnapshotBlock", FaultKind.NEVER_ANSWER)
    ended = bulkput(
        "download", service.older, tmp_path / "o", "--config", config, "--output", "json"
    )
    assert ended.status == 0, ended.err
    assert ended.object["gets"]["retried"] == 1


def test_what_is_there_is_not_replaced_unless_told_to(bulkput, service, tmp_path):
    path = tmp_path / "out.img"
    path.write_text("mine")
    ended = bulkput("download", service.older, path)
    assert (ended.status, ended.out) == (3, "")
    assert "exists; --force replaces it" in ended.err
    assert path.read_text() == "mine"
    assert bulkput("download", service.older, path, "--force").status == 0
    assert_holds(path, OLDER)
    assert left_in(tmp_path) == ["out.img"]


def test_a_partial_file_of_nobody_knows_what_is_left_alone(bulkput, service, tmp_path):
    other = tmp_path / f"out.img.{service.older}.partial"
    other.write_text("mine")
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert ended.status == 3
    assert "is in the way" in ended.err
    assert other.read_text() == "mine"


def start(*args):
    return Started(
        ["download", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def settled_count(state_dir):
    """Return how many blocks the download in ``state_dir`` has marked."""
    for path in state_dir.glob("downloads/*/settled"):
        content = path.read_bytes()[HEAD_SIZE_BYTES:]
        return sum(content[at] != 0 for at in range(32, len(content), RECORD_SIZE_BYTES))
    return 0


def wait_until(holds, limit_s=60):
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.05)


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


def test_after_a_start_of_the_machine_marks_count_only_if_the_bytes_are_there(
    bulkput, service, interrupted, tmp_path, monkeypatch
):
    from bulkput.ledger import restoration  # noqa: PLC0415 - of this test alone

    with interrupted.open("r+b") as file:
        file.write(bytes(BLOCK))  # what the disk never saw
    monkeypatch.setattr(restoration, "boot_id", lambda: "another")
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


# --changed-since


@pytest.fixture
def older_file(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    assert bulkput("download", service.older, path).status == 0
    return path


def test_only_what_changed_is_brought_in_place(bulkput, service, older_file):
    inode = older_file.stat().st_ino
    ended = bulkput(
        *("download", service.newer, older_file, "--changed-since", service.older),
        *("--output", "json"),
    )
    assert ended.status == 0, ended.err
    assert ended.object["blocks"] == {"total": 2048, "got": 3, "resumed": 0, "zero": 1}
    assert older_file.stat().st_ino == inode
    assert_holds(older_file, NEWER)
    assert older_file.stat().st_blocks * 512 == 4 * BLOCK  # block 5 is a hole now


def test_blocks_that_only_the_older_snapshot_has_become_zeros(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    assert bulkput("download", service.newer, path).status == 0
    ended = bulkput("download", service.older, path, "--changed-since", service.newer)
    assert ended.status == 0, ended.err
    assert_holds(path, OLDER)


def test_an_interrupted_change_goes_on_and_reads_what_it_finds(bulkput, service, older_file):
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=7, times=None)
    ask = ("download", service.newer, older_file, "--changed-since", service.older)
    assert bulkput(*ask).status == 4
    service.emulator.faults.clear()
    with older_file.open("r+b") as file:
        file.seek(BLOCK)
        file.write(b"somebody else's")
    ended = bulkput(*ask, "--output", "json")
    assert ended.status == 0, ended.err
    assert_holds(older_file, NEWER)


@pytest.fixture
def half_changed(bulkput, service, older_file):
    """Change a file in place until block 7 is refused; return the file."""
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=7, times=None)
    ask = ("download", service.newer, older_file, "--changed-since", service.older)
    assert bulkput(*ask).status == 4
    service.emulator.faults.clear()
    return older_file


def test_a_file_that_is_half_changed_is_not_taken_for_the_older_snapshot(
    bulkput, service, half_changed
):
    sibling = make_snapshot(service.url, {0: b"s" * BLOCK}, ParentSnapshotId=service.older)
    ask = ("download", sibling, half_changed, "--changed-since", service.older)
    ended = bulkput(*ask)
    assert ended.status == 3
    first = f"bulkput download {service.newer} {half_changed} --changed-since {service.older}"
    assert f"finish that first with `{first}`" in ended.err
    assert bulkput(*first.split()[1:]).status == 0
    assert_holds(half_changed, NEWER)
    back = ("download", service.older, half_changed, "--changed-since", service.newer)
    assert bulkput(*back).status == 0
    assert bulkput(*ask).status == 0
    assert_holds(half_changed, OLDER | {0: b"s" * BLOCK})


def test_a_half_changed_file_that_is_replaced_as_a_whole_is_whole(bulkput, service, half_changed):
    assert bulkput("download", service.older, half_changed, "--force").status == 0
    child = make_snapshot(service.url, {0: b"c" * BLOCK}, ParentSnapshotId=service.older)
    ended = bulkput("download", child, half_changed, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(half_changed, OLDER | {0: b"c" * BLOCK})


def test_a_file_of_another_size_or_none_holds_no_older_snapshot(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    ask = ("download", service.newer, path, "--changed-since", service.older)
    ended = bulkput(*ask)
    assert ended.status == 3
    assert "does not exist" in ended.err
    path.write_bytes(bytes(BLOCK))
    ended = bulkput(*ask)
    assert ended.status == 3
    assert f"a file that holds {service.older} has {GIB}" in ended.err
    assert path.read_bytes() == bytes(BLOCK)


def test_a_snapshot_of_another_lineage_has_no_changes_to_bring(bulkput, service, older_file):
    stranger = make_snapshot(service.url, {0: b"s" * BLOCK})
    ended = bulkput("download", stranger, older_file, "--changed-since", service.older)
    assert ended.status == 7
    assert "not related" in ended.err
    assert_holds(older_file, OLDER)
    ended = bulkput("download", service.newer, older_file, "--changed-since", service.older)
    assert ended.status == 0, ended.err


def test_a_volume_that_grew_makes_the_file_grow(bulkput, service, older_file):
    child = make_snapshot(
        service.url, {4000: b"g" * BLOCK}, ParentSnapshotId=service.older, VolumeSize=2
    )
    ended = bulkput("download", child, older_file, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(older_file, OLDER | {4000: b"g" * BLOCK}, 2 * GIB)


# devices


def test_a_device_gets_every_block_and_zeros_between(bulkput, service, tmp_path, attach_loop):
    image = tmp_path / "backing"
    with image.open("wb") as file:
        file.truncate(GIB + BLOCK)
        for index in (0, 2, 3, 4, 2048):
            os.pwrite(file.fileno(), b"old" * 1000, index * BLOCK)
    device = attach_loop(image)
    ended = bulkput("download", service.older, device, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["kind"] == "device"
    assert_holds(image, OLDER | {2048: (b"old" * 1000).ljust(BLOCK, b"\0")}, GIB + BLOCK)
    ended = bulkput("download", service.newer, device, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(image, NEWER | {2048: (b"old" * 1000).ljust(BLOCK, b"\0")}, GIB + BLOCK)


@pytest.fixture
def used_device(tmp_path, attach_loop):
    """Attach a device that is full of something older where it matters; return it and its file."""

    def attach(size_bytes, *stale):
        image = tmp_path / "backing"
        with image.open("wb") as file:
            file.truncate(size_bytes)
            for index in stale:
                os.pwrite(file.fileno(), b"s" * BLOCK, index * BLOCK)
        return attach_loop(image), image

    return attach


def test_behind_the_sources_end_a_device_is_zeros_as_the_volume_is(
    bulkput, service, state_dir, used_device
):
    device, image = used_device(GIB, 1, 2, 900, 2047)
    blocks = {0: b"a" * BLOCK}
    snapshot_id = make_snapshot(service.url, blocks)
    path = manifest_path(state_dir, snapshot_id)
    write_manifest(path, snapshot_id, blocks, source_path="/d", source_size_bytes=2 * BLOCK)
    ended = bulkput("download", snapshot_id, device, "--output", "json")
    assert ended.status == 0, ended.err
    assert (ended.object["size_bytes"], ended.object["size_from"]) == (GIB, "volume")
    assert_holds(image, blocks)


def test_a_volume_that_grew_finds_zeros_on_the_device_where_it_grew(bulkput, service, used_device):
    device, image = used_device(2 * GIB, 2048, 3000, 4000, 4095)
    assert bulkput("download", service.older, device).status == 0
    child = make_snapshot(
        service.url, {4000: b"g" * BLOCK}, ParentSnapshotId=service.older, VolumeSize=2
    )
    ended = bulkput("download", child, device, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(image, OLDER | {4000: b"g" * BLOCK}, 2 * GIB)


def test_a_source_that_grew_does_too_where_the_device_is_smaller_than_the_volume(
    bulkput, service, state_dir, used_device
):
    device, image = used_device(8 * BLOCK, 2, 3, 4, 5, 6)
    tail = b"t" * 1000
    older = {0: b"a" * BLOCK, 2: tail.ljust(BLOCK, b"\0")}
    newer = older | {4: b"n" * BLOCK}
    first = make_snapshot(service.url, older)
    second = make_snapshot(service.url, {4: newer[4]}, ParentSnapshotId=first)
    for snapshot_id, blocks, size_bytes in (
        (first, older, 2 * BLOCK + 1000),
        (second, newer, 6 * BLOCK),
    ):
        path = manifest_path(state_dir, snapshot_id)
        write_manifest(path, snapshot_id, blocks, source_path="/d", source_size_bytes=size_bytes)
    assert bulkput("download", first, device).status == 0
    ended = bulkput("download", second, device, "--changed-since", first)
    assert ended.status == 0, ended.err
    assert_holds(image, newer | {6: b"s" * BLOCK}, 8 * BLOCK)


def test_a_device_that_is_half_written_is_not_changed_until_it_is_whole(
    bulkput, service, tmp_path, attach_loop
):
    image = tmp_path / "backing"
    with image.open("wb") as file:
        file.truncate(GIB)
    device = attach_loop(image)
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=5, times=None)
    assert bulkput("download", service.older, device).status == 4
    service.emulator.faults.clear()
    change = ("download", service.newer, device, "--changed-since", service.older)
    ended = bulkput(*change)
    assert ended.status == 3
    assert f"finish that first with `bulkput download {service.older} {device}`" in ended.err
    assert bulkput("download", service.older, device).status == 0
    assert bulkput(*change).status == 0
    assert_holds(image, NEWER)


def test_a_device_that_is_too_small_is_left_alone(bulkput, service, tmp_path, attach_loop):
    image = tmp_path / "backing"
    image.write_bytes(b"x" * BLOCK)
    ended = bulkput("download", service.older, attach_loop(image))
    assert ended.status == 3
    assert f"has {BLOCK} bytes, too few" in ended.err
    assert image.read_bytes() == b"x" * BLOCK


def test_a_device_in_use_is_left_alone(bulkput, service, tmp_path, attach_loop):
    image = tmp_path / "backing"
    image.write_bytes(b"x" * BLOCK)
    device = attach_loop(image)
    held = os.open(device, os.O_RDWR | os.O_EXCL)
    try:
        ended = bulkput("download", service.older, device)
    finally:
        os.close(held)
    assert ended.status == 3
    assert "is in use" in ended.err
    assert image.read_bytes() == b"x" * BLOCK


def test_zeros_are_written_where_the_kernel_makes_none(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10_000)
    with path.open("r+b") as file:
        zeroing.zero_device(file.fileno(), 100, 5000)  # a file takes no BLKZEROOUT
    assert path.read_bytes() == b"x" * 100 + bytes(5000) + b"x" * 4900


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["vol-1", "out.img"], 3, "snapshot's id"),
        (["snap-0123456789abcdef0", "absent/out.img"], 3, "folder does not exist"),
        (["snap-0123456789abcdef0", "."], 3, "is a folder"),
        (["snap-0123456789abcdef0", "/dev/null"], 3, "no file and no block device"),
        (["snap-0123456789abcdef0", "out.img", "--changed-since", "x"], 3, "--changed-since"),
        (["snap-0123456789abcdef0", "o", "--changed-since", "snap-0", "--force"], 2, "exclude"),
        (["snap-0123456789abcdef0", "out.img"], 7, "EC2 does not know it"),
    ],
)
def test_a_wrong_request_is_one_sentence(bulkput, service, words, status, said):
    ended = bulkput("download", *words)
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
