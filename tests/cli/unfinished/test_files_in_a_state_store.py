"""Series and records of jobs in a store that are damaged, or of another version of bulkput."""

import json

import pytest


@pytest.fixture(params=["series", "jobs"])
def begun(request, bulkput, s3, service, image, tmp_path):
    """Let a host keep a file in the store; return its key, and the command that goes on by it."""
    source = image("web.img")
    if request.param == "series":
        command = ("upload", source, "--series", "nightly", "--output", "json")
        assert bulkput(*command).status == 0
    else:
        job = tmp_path / "nightly.yaml"
        job.write_text(f"version: 1\nvolumes:\n  - source: {source}\n")
        command = ("run", job, "--output", "json")
        service.fail("PutSnapshotBlock", nth=2)
        assert bulkput(*command).status == 4
    (key,) = s3.keys(f"bulkput/{request.param}/")
    return key, command


def changed(s3, key, **facts):
    content = json.dumps({**json.loads(s3.objects[key][0]), **facts}).encode()
    s3.put(key, content)
    return content


@pytest.mark.parametrize("number", [99, "x"])
def test_a_damaged_file_is_not_taken(bulkput, s3, service, state_dir, begun, number):
    key, command = begun
    sound = json.loads(s3.objects[key][0])
    changed(s3, key, number=number, updated_unix_s=1e10, odd=True)
    ended = bulkput(*command)
    assert (ended.status, "cannot be used for now" in ended.err) == (0, True), ended.err
    kept = json.loads(s3.objects[key][0])  # it is mended by what this host has
    assert kept.keys() == sound.keys()
    if command[0] == "upload":
        assert ended.object["parent_snapshot_id"] == sound["snapshot_id"]
        assert kept["number"] == 2
    else:
        assert len(service.states()) == 1


def test_a_file_of_another_version_is_refused_and_stays(bulkput, s3, state_dir, begun):
    key, command = begun
    here = state_dir / key.removeprefix("bulkput/")
    before = here.read_bytes()
    content = changed(s3, key, format_version=2, number=99, updated_unix_s=1e10)
    ended = bulkput(*command)
    assert (ended.status, "format version 2" in ended.err) == (3, True), ended.err
    assert "Use the bulkput that wrote it, or another state_store" in ended.err
    assert (s3.objects[key][0], here.read_bytes()) == (content, before)
