"""Lists bent in many ways, before every command that reads one: refused, and nothing is done."""

import os

import pytest
from support.bending import MADE_UP, json_bent
from support.downloads import GIB, assert_holds
from support.served import BLOCK
from support.snapshots import make_snapshot, write_manifest

from bulkput.ledger.manifest import manifest_path

OLDER = {index: bytes([index + 1]) * BLOCK for index in range(6)} | {2047: b"z" * BLOCK}


def swapped(answer):
    blocks = answer["Blocks"]
    blocks[1], blocks[2] = blocks[2], blocks[1]


def gap(answer):
    del answer["Blocks"][2]


def one_more(answer):
    answer["Blocks"].append({"BlockIndex": 100, "BlockToken": answer["Blocks"][0]["BlockToken"]})
    answer["Blocks"].sort(key=lambda block: block["BlockIndex"])


def emptied(answer):
    answer["Blocks"] = []


def without_blocks(answer):
    del answer["Blocks"]


def null_blocks(answer):
    answer["Blocks"] = None


def no_token(answer):
    del answer["Blocks"][3]["BlockToken"]


def same_token(answer):
    answer["Blocks"], answer["NextToken"] = [], MADE_UP


BENDS = [
    swapped,
    gap,
    emptied,
    without_blocks,
    null_blocks,
    no_token,
    same_token,
]


@pytest.fixture(params=BENDS, ids=lambda bend: bend.__name__)
def bent(request, bends):
    bends["ListSnapshotBlocks"] = json_bent(request.param)
    return request.param


def assert_refused(ended, name="ListSnapshotBlocks"):
    assert ended.status == 7, ended.err
    assert f"the answer to {name}" in ended.err
    assert "cannot be true" in ended.err


def test_verify_gives_no_verdict(bulkput, service, bent, image):
    ended = bulkput("verify", service.older, "--source", image)
    assert_refused(ended)
    assert ended.out == ""  # not a single difference


def test_a_sample_gives_none_either(bulkput, service, bent, image):
    ended = bulkput("verify", service.older, "--source", image, "--sample", "1MiB")
    assert_refused(ended)
    assert ended.out == ""


def test_a_download_gives_no_file(bulkput, service, bent, tmp_path):
    assert_refused(bulkput("download", service.older, tmp_path / "out.img"))
    assert not (tmp_path / "out.img").exists()


def test_a_device_keeps_every_byte(bulkput, service, bent, tmp_path, attach_loop):
    backing, stale = tmp_path / "backing", (0, 2, 3, 8, 2047)
    with backing.open("wb") as file:
        file.truncate(GIB)
        for index in stale:
            os.pwrite(file.fileno(), b"old" * 1000, index * BLOCK)
    device = attach_loop(backing)
    assert_refused(bulkput("download", service.older, device))
    assert_holds(backing, {index: (b"old" * 1000).ljust(BLOCK, b"\0") for index in stale})


def test_a_copy_is_not_sealed(bulkput, service, bent):
    before = completed(service)
    ended = bulkput(
        "copy", service.older, "--to-region", "us-east-1", "--to-endpoint-url", service.url,
        "--verify",
    )  # fmt: skip
    assert_refused(ended)
    assert completed(service) == before


def test_a_parent_is_not_taken_for_what_it_is_not(bulkput, service, bent, image):
    before = completed(service)
    assert_refused(bulkput("upload", image, "--parent", service.older))
    assert completed(service) == before


def completed(service):
    return {each for each, state in service.states().items() if state == "completed"}


def test_pages_that_stay_empty_end(bulkput, service, bends, tmp_path):
    tokens = iter(range(10**9))

    def always_another(answer):
        answer["Blocks"], answer["NextToken"] = [], f"{MADE_UP}{next(tokens)}"

    bends["ListSnapshotBlocks"] = json_bent(always_another)
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert_refused(ended)
    assert "empty" in ended.err


def test_where_ec2_counts_otherwise_and_it_was_never_measured_there_is_a_warning(
    bulkput, service, bends, tmp_path
):
    def of_a_volume(reply, _):
        reply.body = reply.body.replace(b"vol-ffffffff", b"vol-0123456789abcdef0")
        held = f"<fullSnapshotSizeInBytes>{len(OLDER) * BLOCK}<".encode()
        assert held in reply.body
        reply.body = reply.body.replace(held, b"<fullSnapshotSizeInBytes>524288<")
        return reply

    bends["DescribeSnapshots"] = of_a_volume
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert ended.status == 0, ended.err
    assert "may not be whole: it has 7 blocks, and EC2 says that the snapshot holds 1" in ended.err


@pytest.mark.parametrize("bend", [gap, one_more, emptied])
def test_without_a_word_of_ec2_the_manifest_at_hand_knows_better(
    bulkput, service, bends, state_dir, tmp_path, bend
):
    def silent(reply, _):
        head, _, rest = reply.body.partition(b"<fullSnapshotSizeInBytes>")
        reply.body = head + rest.partition(b"</fullSnapshotSizeInBytes>")[2]
        return reply

    bends["DescribeSnapshots"] = silent
    bends["ListSnapshotBlocks"] = json_bent(bend)
    path = manifest_path(state_dir, service.older)
    write_manifest(path, service.older, OLDER, endpoint_url=service.proxy.url)
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert_refused(ended)
    assert str(path) in ended.err


def test_a_block_that_is_answered_with_another_ones_bytes_is_not_what_its_manifest_has(
    bulkput, service, bends, state_dir, tmp_path
):
    answers = {}

    def the_first_one_always(reply, _):
        return answers.setdefault("first", reply)

    write_manifest(
        manifest_path(state_dir, service.older),
        service.older,
        OLDER,
        endpoint_url=service.proxy.url,
    )
    bends["GetSnapshotBlock"] = the_first_one_always
    ended = bulkput("download", service.older, tmp_path / "out.img")
    assert ended.status == 7
    assert "other bytes than its manifest has" in ended.err
    assert not (tmp_path / "out.img").exists()


def test_a_snapshot_of_many_pages_is_read_to_its_end(bulkput, service, tmp_path):
    """What is checked of lists takes nothing from those that are true."""
    snapshot_id = make_snapshot(service.url, dict.fromkeys((0, 5, 2047), b"x" * BLOCK))
    ended = bulkput("download", snapshot_id, tmp_path / "out.img")
    assert ended.status == 0, ended.err


OTHER_FORMS = [b"[]", b"[{}]", b'"x"', b"3", b'{"Blocks": "x"}', b'{"Blocks": [3]}']


@pytest.mark.parametrize("body", OTHER_FORMS, ids=bytes.decode)
def test_an_answer_of_another_form_is_refused_at_once(bulkput, service, bends, image, body):
    def other(reply, _path):
        reply.body = body
        return reply

    bends["ListSnapshotBlocks"] = other
    assert_refused(bulkput("verify", service.older, "--source", image))
