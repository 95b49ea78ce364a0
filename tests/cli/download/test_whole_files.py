"""``download`` against a real server: what comes back is what was put, whatever happens."""

import os

import pytest
from support.downloads import GIB, OLDER, assert_holds, left_in
from support.served import BLOCK
from support.snapshots import make_snapshot, write_manifest

from bulkput.emulator.faults import FaultKind
from bulkput.ledger.manifest import manifest_path


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


def test_the_file_gets_the_sources_length_where_the_manifest_reports_it(
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
    assert "the source's length, as its manifest records it" in ended.err
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


@pytest.mark.parametrize("harm", [b"", b"BULKPUT", b"\0" * 5000])
def test_a_damaged_manifest_costs_the_length_and_says_so(bulkput, service, tmp_path, harm):
    source = tmp_path / "disk.img"
    source.write_bytes(b"disk" * 1000)
    snapshot_id = bulkput("upload", source).out.strip()
    (manifest,) = (tmp_path / "state" / "manifests").glob(f"{snapshot_id}*")
    manifest.write_bytes(harm)
    ended = bulkput("download", snapshot_id, tmp_path / "back.img")
    assert ended.status == 0, ended.err
    assert ended.err.count("the source's length is not known, and the file has the volume's") >= 1
    assert (tmp_path / "back.img").stat().st_size == 1 << 30
    assert (tmp_path / "back.img").open("rb").read(5000) == source.read_bytes().ljust(5000, b"\0")


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


def test_what_is_there_is_not_replaced_unless_asked(bulkput, service, tmp_path):
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
    assert "does not belong to this download" in ended.err
    assert other.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["vol-1", "out.img"], 3, "snapshot's id"),
        (["snap-0123456789abcdef0", "absent/out.img"], 3, "folder does not exist"),
        (["snap-0123456789abcdef0", "."], 3, "is a folder"),
        (["snap-0123456789abcdef0", "/dev/null"], 3, "neither a file nor a block device"),
        (["snap-0123456789abcdef0", "out.img", "--changed-since", "x"], 3, "--changed-since"),
        (["snap-0123456789abcdef0", "o", "--changed-since", "snap-0", "--force"], 2, "exclude"),
        (["snap-0123456789abcdef0", "out.img"], 7, "EC2 does not know it"),
    ],
)
def test_a_wrong_request_is_one_sentence(bulkput, service, words, status, message):
    ended = bulkput("download", *words)
    assert (ended.status, ended.out) == (status, "")
    assert message in ended.err
    assert "Traceback" not in ended.err
