"""``verify`` against a real server: whatever is not what it should be is found, and named."""

import gzip
import os
from pathlib import Path

import pytest
from support.served import BLOCK, Served
from support.snapshots import make_snapshot, write_manifest

from bulkput.cli.main import status_of
from bulkput.emulator.faults import FaultKind
from bulkput.ledger.manifest import manifest_path


def written(path, head, tail):
    """Write three blocks of data, two of zeros, a hole of five, and a block that is not full."""
    with path.open("wb") as file:
        file.write(head)
        file.seek(10 * BLOCK)
        file.write(tail)
        os.fsync(file.fileno())
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a server that has a snapshot of ``image.img``, which no test may change."""
    folder = tmp_path_factory.mktemp("verify")
    served = Served(folder / "served")
    served.data = os.urandom(3 * BLOCK) + bytes(2 * BLOCK), os.urandom(1000)
    served.image = written(folder / "image.img", *served.data)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in served.environment(folder / "state").items():
            patch.setenv(name, value)
        assert status_of(["upload", str(served.image)]) == 0
    (served.snapshot_id,) = served.states()
    yield served
    served.stop()


@pytest.fixture
def service(served, state_dir, monkeypatch):
    for name, value in served.environment(state_dir).items():
        monkeypatch.setenv(name, value)
    served.emulator.faults.clear()
    return served


@pytest.fixture
def snapshot_id(service):
    return service.snapshot_id


@pytest.fixture
def image(served, tmp_path):
    return written(tmp_path / "web.img", *served.data)


def flip(path, offset_bytes):
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(offset_bytes)
        (byte,) = file.read(1)
        file.seek(offset_bytes)
        file.write(bytes([byte ^ 1]))


def blocks_of(image):
    content = image.read_bytes().ljust(11 * BLOCK, b"\0")
    blocks = {index: content[index * BLOCK : (index + 1) * BLOCK] for index in range(11)}
    return {index: block for index, block in blocks.items() if any(block)}


def found(ended):
    """Return (reference, kind, first block, blocks) of each difference."""
    return [
        (each["reference"], each["kind"], each["first_block"], each["block_count"])
        for each in ended.object["differences"]
    ]


def test_a_snapshot_is_equal_to_its_source(bulkput, snapshot_id, image):
    ended = bulkput("verify", snapshot_id, "--source", image)
    assert ended.status == 0, ended.err
    assert ended.out == f"equal: 6 blocks (3.0 MiB) compared with {image}\n"
    facts = bulkput("verify", snapshot_id, "--source", image, "--output", "json").object
    assert (facts["status"], facts["differences"], facts["error"]) == ("equal", [], None)
    assert facts["blocks"] == {"total": 2048, "compared": 6, "different": 0}
    assert facts["gets"]["attempts"] == 4


def test_every_differing_range_of_the_source_is_reported_once(bulkput, snapshot_id, image):
    for block in (1, 2, 7):  # 7 is in the hole
        flip(image, block * BLOCK + 99)
    os.truncate(image, 10 * BLOCK)
    ended = bulkput("verify", snapshot_id, "--source", image, "--output", "json")
    assert ended.status == 7
    assert found(ended) == [
        ("source", "differs", 1, 2),
        ("source", "missing", 7, 1),
        ("source", "extra", 10, 1),
    ]
    assert ended.object["differences"][0]["first_byte"] == BLOCK
    assert ended.object["differences"][0]["byte_count"] == 2 * BLOCK
    text = bulkput("verify", snapshot_id, "--source", image)
    assert text.status == 7
    assert text.out.splitlines() == [
        f"blocks 1-2, bytes {BLOCK}-{3 * BLOCK - 1}: other bytes than the source",
        f"block 7, bytes {7 * BLOCK}-{8 * BLOCK - 1}: not in the snapshot, but in the source",
        f"block 10, bytes {10 * BLOCK}-{11 * BLOCK - 1}: not zeros, as the source says",
    ]
    assert f"{snapshot_id} differs from {image} in 4 blocks" in text.err


def test_the_manifest_of_the_state_folder_is_taken_where_nothing_is_named(
    bulkput, snapshot_id, image, state_dir
):
    write_manifest(manifest_path(state_dir, snapshot_id), snapshot_id, blocks_of(image))
    ended = bulkput("verify", snapshot_id)
    assert ended.status == 0, ended.err
    assert "equal: 4 blocks" in ended.out


def test_without_anything_to_compare_with_the_error_names_what_to_give(
    bulkput, snapshot_id, state_dir
):
    manifest_path(state_dir, snapshot_id).unlink(missing_ok=True)
    ended = bulkput("verify", snapshot_id)
    assert (ended.status, ended.out) == (3, "")
    assert "--source PATH, --manifest FILE or both" in ended.err


def test_what_the_manifest_says_otherwise_is_reported(bulkput, snapshot_id, image, tmp_path):
    blocks = blocks_of(image)
    del blocks[1]
    blocks[2] = b"other"
    blocks[5] = b"never put"
    path = write_manifest(tmp_path / "m", snapshot_id, dict(sorted(blocks.items())))
    ended = bulkput(
        "verify", snapshot_id, "--manifest", path, "--source", image, "--output", "json"
    )
    assert ended.status == 7
    assert found(ended) == [
        ("manifest", "extra", 1, 1),
        ("manifest", "differs", 2, 1),
        ("manifest", "missing", 5, 1),
    ]


@pytest.mark.parametrize("offset_bytes", [0, 40, -100, -1])
def test_a_flipped_bit_in_the_manifest_is_named(
    bulkput, snapshot_id, image, tmp_path, offset_bytes
):
    path = write_manifest(tmp_path / "m", snapshot_id, blocks_of(image))
    flip(path, offset_bytes % path.stat().st_size)
    ended = bulkput("verify", snapshot_id, "--manifest", path)
    assert ended.status == (3 if offset_bytes == 0 else 7)
    assert str(path) in ended.err


def test_the_manifest_of_another_snapshot_is_refused(bulkput, snapshot_id, image, tmp_path):
    path = write_manifest(tmp_path / "m", "snap-0123456789abcdef0", blocks_of(image))
    ended = bulkput("verify", snapshot_id, "--manifest", path)
    assert ended.status == 3
    assert "is the manifest of snap-0123456789abcdef0" in ended.err


def test_a_block_that_comes_damaged_once_is_got_again(bulkput, snapshot_id, service, image):
    service.fail("GetSnapshotBlock", FaultKind.CORRUPT_BLOCK, block_index=1)
    ended = bulkput("verify", snapshot_id, "--source", image, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["gets"] == {"attempts": 5, "retried": 1, "throttled": 0}
    assert service.emulator.faults.unreached() == []


def test_a_block_that_always_comes_damaged_is_named(bulkput, snapshot_id, service, image):
    service.fail("GetSnapshotBlock", FaultKind.CORRUPT_BLOCK, block_index=1, times=None)
    ended = bulkput("verify", snapshot_id, "--source", image)
    assert (ended.status, ended.out) == (7, "")
    assert f"block 1 of {snapshot_id} cannot be had undamaged" in ended.err


def test_throttles_errors_and_cut_answers_are_got_over(bulkput, snapshot_id, service, image):
    kinds = [FaultKind.THROTTLE_SNAPSHOT, FaultKind.INTERNAL_ERROR, FaultKind.TRUNCATE_ANSWER]
    for kind in kinds:
        service.fail("GetSnapshotBlock", kind)
    service.fail("ListSnapshotBlocks", FaultKind.EMPTY_PAGE)
    service.fail("ListSnapshotBlocks", FaultKind.HTML_503)
    ended = bulkput("verify", snapshot_id, "--source", image, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["gets"] == {"attempts": 7, "retried": 3, "throttled": 1}
    assert service.emulator.faults.unreached() == []


def test_a_sample_is_as_large_as_asked_and_the_same_for_its_seed(bulkput, snapshot_id, image):
    ask = ("verify", snapshot_id, "--source", image, "--sample", "1MiB", "--output", "json")
    first = bulkput(*ask).object
    assert first["blocks"]["compared"] == 2
    flip(image, BLOCK)
    assert bulkput(*ask, "--seed", 0).status == 0  # blocks 2 and 3
    assert found(bulkput(*ask, "--seed", 9)) == [("source", "differs", 1, 1)]  # 1 and 2


def test_a_sample_larger_than_the_disk_is_all_of_it(bulkput, snapshot_id, image):
    ask = ("verify", snapshot_id, "--source", image, "--sample", "1TiB", "--output", "json")
    assert bulkput(*ask).object["blocks"]["compared"] == 6


def test_a_hole_of_an_encrypted_snapshot_is_no_zeros(bulkput, service, image):
    started = make_snapshot(service.url, blocks_of(image), Encrypted=True)
    ended = bulkput("verify", started, "--source", image, "--output", "json")
    assert found(ended) == [("source", "missing", 3, 7)]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["vol-1", "--source", "x"], 3, "snapshot's id"),
        (["snap-0123456789abcdef0", "--source", "absent.img"], 6, "does not exist"),
        (["snap-0123456789abcdef0", "--manifest", "absent"], 3, "no manifest"),
        (["snap-0123456789abcdef0", "--sample", "much"], 2, "--sample"),
        (["snap-0123456789abcdef0", "--sample", "0"], 2, "--sample"),
        (["snap-0123456789abcdef0", "--seed", "1"], 2, "--seed goes with --sample"),
    ],
)
def test_a_wrong_request_is_one_sentence(bulkput, service, words, status, message):
    ended = bulkput("verify", *words)
    assert (ended.status, ended.out) == (status, "")
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_snapshot_that_is_not_there_or_not_done_is_reported(bulkput, service, image):
    ended = bulkput("verify", "snap-0123456789abcdef0", "--source", image)
    assert ended.status == 7
    assert "EC2 does not know it" in ended.err
    service.fail("PutSnapshotBlock", nth=2)
    assert bulkput("upload", image).status == 4
    (pending,) = (name for name, state in service.states().items() if state == "pending")
    ended = bulkput("verify", pending, "--source", image, "--output", "json")
    assert ended.object["exit_code"] == 7
    assert "is pending: only completed ones can be read" in ended.err


def test_where_ec2_may_not_be_asked_the_rest_is_compared(bulkput, snapshot_id, service, image):
    service.fail(
        "DescribeSnapshots", FaultKind.ERROR, http_status=403, code="UnauthorizedOperation"
    )
    ended = bulkput("verify", snapshot_id, "--source", image)
    assert ended.status == 0
    assert "ec2:DescribeSnapshots is not allowed" in ended.err


def test_an_upload_reads_a_sample_back_and_reports_which(bulkput, service, image):
    ended = bulkput("upload", image, "--verify-sample", "1MiB", "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["verified"] == "sample"
    assert ended.object["blocks"]["total"] == 11
    assert any("sample of 2 blocks" in note for note in ended.object["notes"])
    assert bulkput("upload", image, "--verify", "--verify-sample", "1MiB").status == 2


def test_a_source_that_changes_after_it_was_read_does_not_condemn_its_snapshot(
    bulkput, service, image, monkeypatch
):
    from bulkput.jobs.upload import read_back  # noqa: PLC0415 - of this test alone

    real = read_back.verify_volume

    async def changed_meanwhile(*args, **named):
        flip(image, 2 * BLOCK)
        return await real(*args, **named)

    monkeypatch.setattr(read_back, "verify_volume", changed_meanwhile)
    ended = bulkput("upload", image, "--verify", "--output", "json")
    assert ended.status == 6
    assert "holds something else in 1 blocks than when it was read" in ended.object["error"]
    assert f"{ended.object['snapshot_id']} is completed" in ended.object["error"]
    assert Path(ended.object["manifest"]).exists()


def test_a_compressed_source_is_read_to_its_end_once(bulkput, snapshot_id, image, tmp_path):
    packed = tmp_path / "web.img.gz"
    packed.write_bytes(gzip.compress(image.read_bytes(), 1))
    ask = ("verify", snapshot_id, "--source", packed, "--volume-size-gib", 1)
    ended = bulkput(*ask)
    assert ended.status == 0, ended.err
    flip(packed, packed.stat().st_size - 6)  # its CRC-32
    assert bulkput(*ask).status == 6
