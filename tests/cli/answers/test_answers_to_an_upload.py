"""What StartSnapshot, CompleteSnapshot and DescribeSnapshots answer, bent: nothing goes by it."""

import re

import pytest
from support.bending import json_bent, text_bent
from support.served import BLOCK


def changed(**fields):
    return json_bent(lambda answer: answer | fields)


def without(name):
    return json_bent(lambda answer: {key: value for key, value in answer.items() if key != name})


STARTS = {
    "no parent": (changed(ParentSnapshotId=None), "its parent is none"),
    "other parent": (changed(ParentSnapshotId="snap-0123456789abcdef0"), "its parent is snap-0123"),
    "parent of another form": (changed(ParentSnapshotId=["x"]), "its ParentSnapshotId is a list"),
    "smaller volume": (changed(VolumeSize=2), "its volume has 2 GiB, and 1 were asked for"),
    "volume of no size": (changed(VolumeSize=0), "its VolumeSize is 0"),
    "other blocks": (changed(BlockSize=512), "its BlockSize is 512, expected 524288"),
    "id with dashes": (changed(SnapshotId="snap-12ab-34cd"), "its SnapshotId is 'snap-12ab-34cd'"),
    "id that escapes": (changed(SnapshotId="../../x\x1b[2J"), "its SnapshotId is '../../x"),
    "no id": (without("SnapshotId"), "it has no SnapshotId"),
    "no time": (without("StartTime"), "it has no StartTime"),
    "failed": (changed(Status="error"), "its Status is 'error'"),
}


@pytest.fixture(params=STARTS.values(), ids=STARTS)
def bent_start(request, bends):
    bends["StartSnapshot"], words = request.param
    return words


def test_a_start_that_is_not_what_was_asked_for_gets_no_block(bulkput, service, bent_start, image):
    before = set(service.states())
    ended = bulkput("upload", image, "--parent", service.older)
    assert ended.status == 7, ended.err
    assert "the answer to StartSnapshot" in ended.err
    assert bent_start in ended.err
    assert "\x1b" not in ended.err
    assert "PutSnapshotBlock" not in service.proxy.seen
    (pending,) = set(service.states()) - before
    named = re.findall(r"snap-[0-9a-f]{17}", ended.err)
    assert pending in named or "SnapshotId" in bent_start  # where the answer does not name it
    # Nothing is lost: the next run finds the same snapshot again, or the abort does.
    service.proxy.bends.clear()
    ended = bulkput("upload", image, "--parent", service.older, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["snapshot_id"] == pending


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        (changed(Status="error"), "its Status is error, and EC2 says"),
        (changed(Status="weird"), "its Status is 'weird'"),
        (json_bent(lambda _: {}), "it has no Status"),
        (changed(Status=None), "it has no Status"),
    ],
)
def test_a_seal_that_is_none_is_not_reported_as_one(bulkput, bends, image, bend, words):
    bends["CompleteSnapshot"] = bend
    for wait in ((), ("--no-wait",)):
        ended = bulkput("upload", image, *wait)
        assert ended.status == 7, ended.err
        assert "the answer to CompleteSnapshot" in ended.err
        assert words in ended.err
    bends.clear()
    assert bulkput("upload", image).status == 0  # the same snapshot: asked again


def test_another_snapshot_is_not_the_one_that_is_waited_for(bulkput, service, bends, image):
    bends["DescribeSnapshots"] = lambda reply, _: _replaced(reply, service.older)
    ended = bulkput("upload", image)
    assert ended.status == 7, ended.err
    assert f"it speaks of '{service.older}'" in ended.err


def _replaced(reply, snapshot_id):
    reply.body = re.sub(
        rb"<snapshotId>.*?</snapshotId>",
        f"<snapshotId>{snapshot_id}</snapshotId>".encode(),
        reply.body,
    )
    return reply


def test_a_description_twice_or_without_a_set_is_none(bulkput, service, bends, tmp_path):
    for old, new, words in (
        ("</item></snapshotSet>", "</item><item></item></snapshotSet>", "it speaks of None"),
        ("snapshotSet>", "otherSet>", "it has no Snapshots"),
        ("<volumeSize>1</volumeSize>", "<volumeSize>70000</volumeSize>", "its VolumeSize is 70000"),
    ):
        bends["DescribeSnapshots"] = text_bent(old, new)
        ended = bulkput("download", service.older, tmp_path / "out.img")
        assert ended.status == 7, ended.err
        assert "the answer to DescribeSnapshots" in ended.err
        assert words in ended.err


def test_a_count_that_ec2_contradicts_is_no_success(bulkput, bends, image, monkeypatch):
    monkeypatch.setattr("bulkput.jobs.upload.own_size._ASKED_FOR_S", 0.0)
    held = f"<fullSnapshotSizeInBytes>{7 * BLOCK}<"
    bends["DescribeSnapshots"] = lambda reply, _: _with(reply, held, held.replace("36", "35"))
    ended = bulkput("upload", image)
    assert ended.status == 7, ended.err
    assert "blocks by its FullSnapshotSizeInBytes, and 7 were put" in ended.err
    bends.clear()
    assert bulkput("upload", image).status == 0


def _with(reply, old, new):
    reply.body = reply.body.replace(old.encode(), new.encode())
    return reply


def test_gc_deletes_nothing_that_a_list_gives_unasked(bulkput, service, bends):
    bends["DescribeSnapshots"] = text_bent("<snapshotSet>", "<snapshotSet>" + COMPLETED)
    ended = bulkput("gc", "--yes")
    assert ended.status == 7, ended.err
    assert "pending ones with the tag bulkput were asked for" in ended.err
    assert "DeleteSnapshot" not in service.proxy.seen


COMPLETED = (
    "<item><snapshotId>snap-0123456789abcdef0</snapshotId><status>completed</status>"
    "<volumeSize>1</volumeSize></item>"
)


def test_gc_ends_where_pages_do_not(bulkput, bends):
    bends["DescribeSnapshots"] = text_bent(
        "</snapshotSet>", "</snapshotSet><nextToken>0</nextToken>"
    )
    ended = bulkput("gc")
    assert ended.status == 7, ended.err
    assert "NextToken" in ended.err
