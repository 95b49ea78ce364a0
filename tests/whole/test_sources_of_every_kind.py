"""Uploads of every kind of source, read back by boto3 and compared with the file."""

import base64
import hashlib
import os
import random
import shutil
import subprocess

import pytest
from support.loops import loop_devices
from support.whole import BLOCK, read_with_boto3, same_content

GIB = 1 << 30


def patterned(path, size_bytes, every=1):
    """Write blocks that all differ, one in ``every``; the rest are holes."""
    noise = random.Random(1).randbytes(BLOCK)
    with path.open("wb") as image:
        for index in range(0, -(-size_bytes // BLOCK), every):
            image.seek(index * BLOCK)
            image.write(index.to_bytes(8, "little") + noise[8:])
        image.truncate(size_bytes)
    return path


def check(program, source, result, tmp_path):
    size_bytes = source.stat().st_size
    copy = tmp_path / "read-back.img"
    indexes = read_with_boto3(program.server, result["snapshot_id"], copy, size_bytes)
    assert result["status"] == "completed"
    assert len(indexes) == result["blocks"]["put"]
    assert same_content(source, copy, size_bytes)
    return indexes


def test_a_single_byte_becomes_one_padded_block(program, tmp_path):
    source = tmp_path / "byte.img"
    source.write_bytes(b"x")
    result = program.upload(source)
    assert result["volume_size_gib"] == 1
    assert result["blocks"]["total"] == result["blocks"]["put"] == 1
    check(program, source, result, tmp_path)


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.long)])
def test_exactly_one_gib_fills_a_volume_of_one_gib(program, tmp_path, every):
    source = patterned(tmp_path / "gib.img", GIB, every=every)
    result = program.upload(source)
    assert result["volume_size_gib"] == 1
    assert result["blocks"]["total"] == 2048
    indexes = check(program, source, result, tmp_path)
    assert indexes == list(range(0, 2048, every))
    assert indexes[-1] == 2047


def test_one_byte_more_than_a_gib_needs_two(program, tmp_path):
    source = patterned(tmp_path / "more.img", GIB + 1, every=64)
    result = program.upload(source)
    assert result["volume_size_gib"] == 2
    assert result["blocks"]["total"] == 2049
    check(program, source, result, tmp_path)


def test_written_zeros_are_skipped_on_an_unencrypted_snapshot(program, tmp_path):
    source = tmp_path / "zeros.img"
    source.write_bytes(bytes(40 * BLOCK + 17))
    result = program.upload(source)
    assert result["blocks"]["skipped_zero"] == 41
    assert check(program, source, result, tmp_path) == []
    assert any("unencrypted" in note for note in result["notes"])


def test_holes_are_skipped_on_an_unencrypted_snapshot(program, tmp_path):
    source = tmp_path / "holes.img"
    source.touch()
    os.truncate(source, GIB)
    result = program.upload(source)
    assert result["blocks"]["skipped_hole"] == 2048
    assert check(program, source, result, tmp_path) == []


@pytest.mark.parametrize("flags", [["--encrypted"], ["--zeros", "write"]])
def test_every_block_is_put_where_an_empty_one_may_not_be_left_out(program, tmp_path, flags):
    source = patterned(tmp_path / "sparse.img", 64 * BLOCK - 5, every=8)
    result = program.upload(source, *flags)
    assert check(program, source, result, tmp_path) == list(range(64))


def test_skipping_is_refused_on_an_encrypted_snapshot(program, tmp_path):
    source = patterned(tmp_path / "sparse.img", 8 * BLOCK)
    done = program.run("upload", source, "--encrypted", "--zeros", "skip")
    assert done.returncode == 3
    assert "noise" in done.stderr


@pytest.mark.skipif(shutil.which("mke2fs", path="/usr/sbin:/sbin") is None, reason="no mke2fs")
def test_a_file_system_of_3_gib_survives_the_way(program, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    generator = random.Random(7)
    for number in range(60):
        folder = tree / f"folder-{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"file-{number}").write_bytes(generator.randbytes(generator.randint(0, 1 << 20)))
    source = tmp_path / "ext4.img"
    source.touch()
    os.truncate(source, 3 * GIB)
    subprocess.run(
        ["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, source], check=True, timeout=100
    )
    result = program.upload(source)
    check(program, source, result, tmp_path)
    copy = tmp_path / "read-back.img"
    checked = subprocess.run(
        ["/usr/sbin/e2fsck", "-fn", copy], capture_output=True, text=True, check=False, timeout=100
    )
    assert checked.returncode == 0, checked.stdout
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(
        ["/usr/sbin/debugfs", "-R", f"rdump / {out}", copy],
        check=True,
        capture_output=True,
        timeout=100,
    )
    files = sorted(path.relative_to(tree) for path in tree.rglob("*") if path.is_file())
    assert files
    for name in files:
        assert (out / name).read_bytes() == (tree / name).read_bytes(), name


def test_a_loop_device_is_uploaded_with_the_size_that_the_kernel_reports(program, tmp_path):
    backing = patterned(tmp_path / "backing.img", 33 * BLOCK + 4096, every=2)
    with loop_devices() as attach:
        result = program.upload(attach(backing))
    assert result["blocks"]["total"] == 34
    check(program, backing, result, tmp_path)


def test_boto3_and_bulkput_make_the_same_snapshot_of_the_same_image(program, tmp_path):
    source = patterned(tmp_path / "same.img", 20 * BLOCK + 100, every=3)
    ours = program.upload(source)
    ebs = program.server.client("ebs")
    theirs = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    digests = []
    content = source.read_bytes().ljust(21 * BLOCK, b"\0")
    for index in range(21):
        block = content[index * BLOCK : (index + 1) * BLOCK]
        if any(block):
            digest = hashlib.sha256(block).digest()
            digests.append(digest)
            ebs.put_snapshot_block(
                SnapshotId=theirs,
                BlockIndex=index,
                BlockData=block,
                DataLength=BLOCK,
                Checksum=base64.b64encode(digest).decode(),
                ChecksumAlgorithm="SHA256",
            )
    linear = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    assert linear == ours["checksum"]
    ebs.complete_snapshot(
        SnapshotId=theirs,
        ChangedBlocksCount=len(digests),
        Checksum=linear,
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )
    ec2 = program.server.client("ec2")
    ec2.get_waiter("snapshot_completed").wait(
        SnapshotIds=[theirs], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    first, second = tmp_path / "first", tmp_path / "second"
    indexes = read_with_boto3(program.server, ours["snapshot_id"], first, len(content))
    assert indexes == read_with_boto3(program.server, theirs, second, len(content))
    assert first.read_bytes() == second.read_bytes()
