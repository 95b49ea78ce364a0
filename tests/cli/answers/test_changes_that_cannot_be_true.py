"""Lists of changes, bent: neither a difference nor its absence is reported on their word."""

import pytest
from support.bending import json_bent
from support.served import BLOCK
from support.snapshots import make_snapshot, write_manifest

from bulkput.ledger.manifest import manifest_path

OLDER = {0: b"a" * BLOCK, 1: b"b" * BLOCK, 5: b"f" * BLOCK}
CHANGES = {1: b"B" * BLOCK, 3: b"d" * BLOCK}


@pytest.fixture(scope="module")
def pair(served):
    older = make_snapshot(served.url, OLDER)
    return older, make_snapshot(served.url, CHANGES, ParentSnapshotId=older)


def new_one_lost(answer):
    answer["ChangedBlocks"] = [each for each in answer["ChangedBlocks"] if each["BlockIndex"] != 3]


def emptied(answer):
    answer["ChangedBlocks"] = []


def without(answer):
    del answer["ChangedBlocks"]


def reversed_(answer):
    answer["ChangedBlocks"].reverse()


def doubled(answer):
    answer["ChangedBlocks"] *= 2


def no_token(answer):
    answer["ChangedBlocks"][0].update(FirstBlockToken=None, SecondBlockToken=None)


def gone_block(answer):
    answer["ChangedBlocks"][1]["SecondBlockToken"] = None
    answer["ChangedBlocks"][1]["FirstBlockToken"] = "token"


BENDS = [new_one_lost, emptied, without, reversed_, doubled, no_token, gone_block]


@pytest.fixture(params=BENDS, ids=lambda bend: bend.__name__)
def bent(request, bends):
    bends["ListChangedBlocks"] = json_bent(request.param)
    return request.param


def assert_refused(ended):
    assert ended.status == 7, ended.err
    assert "the answer to ListChangedBlocks" in ended.err
    assert "cannot be true" in ended.err


def test_diff_has_no_result(bulkput, bent, pair):
    ended = bulkput("diff", *pair)
    assert_refused(ended)
    assert "do not differ" not in ended.out


def test_a_file_in_place_keeps_every_byte(bulkput, service, pair, bends, tmp_path):
    path = tmp_path / "disk.img"
    assert bulkput("download", pair[0], path).status == 0
    for bend in BENDS:
        bends["ListChangedBlocks"] = json_bent(bend)
        assert_refused(bulkput("download", pair[1], path, "--changed-since", pair[0]))
        with path.open("rb") as file:
            assert file.read(6 * BLOCK) == OLDER[0] + OLDER[1] + bytes(3 * BLOCK) + OLDER[5]
    bends.clear()
    assert bulkput("download", pair[1], path, "--changed-since", pair[0]).status == 0


def test_a_changed_block_that_only_the_manifests_know_is_missed(
    bulkput, service, pair, bends, tmp_path, state_dir
):
    path = tmp_path / "disk.img"
    assert bulkput("download", pair[0], path).status == 0
    for snapshot_id, blocks in zip(
        pair, (OLDER, dict(sorted((OLDER | CHANGES).items()))), strict=True
    ):
        manifest = manifest_path(state_dir, snapshot_id)
        write_manifest(manifest, snapshot_id, blocks, endpoint_url=service.proxy.url)
    bends["ListChangedBlocks"] = json_bent(lambda answer: answer["ChangedBlocks"].pop(0) and None)
    ended = bulkput("download", pair[1], path, "--changed-since", pair[0])
    assert_refused(ended)
    assert "it lacks block 1, which is not the same in the manifests" in ended.err
    ended = bulkput("diff", *pair)
    assert_refused(ended)
    assert "it lacks block 1, which is not the same in the manifests" in ended.err
