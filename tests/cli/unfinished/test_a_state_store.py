"""What is unfinished on any host is seen, checked and given up from any other one."""

import io
import json
import os
from dataclasses import replace

import pytest

from bulkput.emulator.faults import FaultKind
from bulkput.store import take_up
from bulkput.store.cut import decode_cut, encode_cut


@pytest.fixture
def elsewhere(s3, service, cut_short, on_host):
    """A snapshot that another host has begun and left; this one's state folder is empty."""
    snapshot_id = cut_short()
    on_host("here")
    return snapshot_id


def test_uploads_of_other_hosts_are_listed(bulkput, elsewhere):
    (found,) = bulkput("store", "ls", "--output", "json").object["uploads"]
    assert (found["volume"], found["snapshot_id"]) == ("web.img", elsewhere)
    assert (found["held"], found["is_over"], found["phase"]) == (False, False, "uploading")
    assert found["blocks"]["acknowledged"] >= 1
    listed = bulkput("store", "ls").out.split("\n")
    assert listed[1].split()[:3] == ["web.img", elsewhere, "uploading"]
    (same,) = bulkput("jobs", "--output", "json").object["stored"]
    assert {**same, "age_s": 0, "updated_s_ago": 0} == {**found, "age_s": 0, "updated_s_ago": 0}
    assert elsewhere in bulkput("jobs").out


def test_the_same_disk_on_another_host_is_read_and_not_said_to_have_changed(
    bulkput, elsewhere, tmp_path
):
    disk = tmp_path / "web.img"
    (tmp_path / "copy").write_bytes(disk.read_bytes())
    (tmp_path / "copy").replace(disk)
    result = bulkput("upload", disk, "--output", "json").object
    assert (result["snapshot_id"], result["blocks"]["resumed"] >= 1) == (elsewhere, True)
    notes = "; ".join(result["notes"])
    assert "it is not known whether the source is the one that the upload began with" in notes
    assert "changed" not in notes


def test_a_damaged_piece_is_found(bulkput, elsewhere, s3):
    assert bulkput("store", "verify").out == "ok: 1 upload\n"
    (piece,) = (key for key in s3.keys("uploads") if not key.endswith(".json"))
    content, etag, written_s = s3.objects[piece]
    s3.objects[piece] = (content[:-1] + b"x", etag, written_s)
    ended = bulkput("store", "verify")
    assert (ended.status, "is damaged: another machine puts" in ended.err) == (7, True)
    del s3.objects[piece]
    assert "is missing: another machine puts" in bulkput("store", "verify").err


def test_an_upload_of_another_host_is_given_up(bulkput, elsewhere, service, s3):
    ended = bulkput("abort", elsewhere, "--yes")
    assert ended.status == 0, ended.err
    assert service.states() == {elsewhere: "gone"}
    assert s3.keys("uploads") == []


def test_what_a_store_keeps_is_given_up_without_it_only_on_a_terminal(
    bulkput, s3, service, cut_short, monkeypatch
):
    snapshot_id = cut_short()
    store = os.environ["BULKPUT_STATE_STORE"]
    monkeypatch.delenv("BULKPUT_STATE_STORE")
    for flags in ((), ("--yes",)):
        ended = bulkput("abort", snapshot_id, *flags)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert "another host may be working on it: nothing was deleted" in ended.err
    for answer in ("n\n", "y\n"):
        assert service.states() == {snapshot_id: "pending"}
        terminal = io.StringIO(answer)
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)
        ended = bulkput("abort", snapshot_id)
        assert "another host may be working on it. Delete " in ended.err
    assert (ended.status, service.states()) == (0, {snapshot_id: "gone"})
    other = cut_short("alone.img")  # by no store
    assert bulkput("abort", other, "--yes").status == 0
    kept = cut_short("kept.img", "--state-store", store)
    assert bulkput("abort", kept, "--yes", "--state-store", store).status == 0


@pytest.mark.parametrize(("is_kept", "host"), [(True, "one"), (True, "two"), (False, "one")])
def test_a_start_without_an_answer_is_given_up(
    bulkput, s3, service, image, on_host, monkeypatch, is_kept, host
):
    store = os.environ["BULKPUT_STATE_STORE"]
    monkeypatch.setenv("BULKPUT_STATE_STORE", store if is_kept else "")
    on_host("one")
    service.fail("StartSnapshot", FaultKind.STORE_THEN_CLOSE)
    service.fail("StartSnapshot", FaultKind.ACCESS_DENIED)
    assert bulkput("upload", image()).status == 4
    (snapshot_id,) = service.states()
    assert bool(s3.keys("uploads")) is is_kept
    on_host(host)
    ended = bulkput("abort", "web.img", "--yes", "--state-store", store)
    assert (ended.status, ended.out) == (0, f"deleted {snapshot_id}\n"), ended.err
    assert (service.states(), s3.keys("uploads")) == ({snapshot_id: "gone"}, [])


def test_who_is_alive_is_not_given_up(bulkput, elsewhere, service, s3, monkeypatch):
    (key,) = s3.keys("state.json")

    def held(*_):
        """Renew the lease at each look at it, as a run that is alive does in time."""
        cut = decode_cut(s3.objects[key][0])
        s3.put(key, encode_cut(replace(cut, sequence=cut.sequence + 1)))
        return 0.2

    monkeypatch.setattr(take_up, "held_for_s", held)
    monkeypatch.setattr(take_up, "_POLL_S", 0.01)
    ended = bulkput("abort", elsewhere, "--yes")
    assert (ended.status, "already running" in ended.err) == (3, True), ended.err
    assert service.states() == {elsewhere: "pending"}


def test_gc_takes_only_what_no_host_of_the_store_knows(bulkput, elsewhere, service, s3):
    command = ("gc", "--older-than", "0s", "--yes")
    bulkput(*command)
    assert service.states() == {elsewhere: "pending"}
    for key in s3.keys("uploads"):
        del s3.objects[key]
    ended = bulkput(*command)
    assert service.states() == {elsewhere: "gone"}, ended.err


def test_gc_without_its_store_deletes_nothing(bulkput, elsewhere, service, s3):
    s3.answer = 403
    ended = bulkput("gc", "--older-than", "0s", "--yes")
    assert ended.status == 4, ended.err
    assert service.states() == {elsewhere: "pending"}


def test_what_is_over_is_pruned_and_what_is_unfinished_stays(bulkput, elsewhere, s3, image):
    unfinished = s3.keys("/uploads/")
    (cut,) = s3.keys("state.json")
    s3.put(cut.replace("state.json", "00000-00"), b"replaced by another piece")
    assert bulkput("upload", image("other.img")).status == 0
    assert bulkput("store", "prune", "--older-than", "1h").out == ""
    s3.put("bulkput/uploads/web.img-0123456789ab/00000-00", b"left behind")
    s3.ahead_s = 2 * 3600
    listed = bulkput("store", "prune", "--older-than", "1h").out.splitlines()
    assert sorted(line.split("\t")[1] for line in listed) == [
        "a piece that no cut has",
        "of an upload that is over",
        "of an upload that is over",
        "of no upload",
    ]
    assert bulkput("store", "prune", "--older-than", "1h", "--yes").status == 0
    left = bulkput("store", "ls", "--output", "json").object["uploads"]
    assert [each["snapshot_id"] for each in left] == [elsewhere]
    assert s3.keys("/uploads/") == unfinished


@pytest.mark.parametrize("change", ["cut", "ledger"])
def test_an_upload_of_another_version_is_named_as_such_and_stays(bulkput, elsewhere, s3, change):
    (key,) = s3.keys("state.json")
    s3.put(key.replace("state.json", "00000-00"), b"a piece that only its version finds listed")
    before = s3.keys("/uploads/")
    if change == "cut":
        facts = json.loads(s3.objects[key][0]) | {"format_version": 2, "program_version": "9.9"}
        content = json.dumps(facts).encode()
    else:
        cut = decode_cut(s3.objects[key][0])
        ledger = json.loads(cut.ledger) | {"format_version": 2}
        content = encode_cut(replace(cut, ledger=json.dumps(ledger)))
    s3.put(key, content)
    s3.ahead_s = 2 * 3600
    ended = bulkput("store", "prune", "--older-than", "1h", "--yes")
    assert (ended.status, ended.out) == (0, ""), ended.err
    assert s3.keys("/uploads/") == before
    assert bulkput("store", "ls").out.split("\n")[1].split()[2:4] == ["another", "version's"]
    (found,) = bulkput("store", "ls", "--output", "json").object["uploads"]
    assert (found["phase"], "format version 2" in found["problem"]) == ("other-version", True)
    refused = bulkput("abort", found["folder"], "--yes")
    assert (refused.status, "format version 2" in refused.err) == (3, True), refused.err


def test_what_was_held_and_never_begun_is_no_damage(bulkput, elsewhere, s3):
    (key,) = s3.keys("state.json")
    s3.put(key, encode_cut(replace(decode_cut(s3.objects[key][0]), ledger=None, segments={})))
    assert bulkput("store", "ls").out.split("\n")[1].split()[2:4] == ["not", "begun"]
    assert bulkput("store", "verify").status == 0
    s3.ahead_s = 2 * 3600
    bulkput("store", "prune", "--older-than", "1h", "--yes")
    assert s3.keys("/uploads/") == []


def test_a_store_has_to_be_named(bulkput, monkeypatch):
    monkeypatch.delenv("BULKPUT_STATE_STORE", raising=False)
    ended = bulkput("store", "ls")
    assert (ended.status, "state_store: expected the address of a store" in ended.err) == (3, True)


def test_a_snapshot_is_verified_by_the_manifest_of_another_host(
    bulkput, s3, service, image, on_host, monkeypatch
):
    made = bulkput("upload", image("other.img"), "--output", "json").object["snapshot_id"]
    on_host("here")
    address = os.environ["BULKPUT_STATE_STORE"]
    monkeypatch.delenv("BULKPUT_STATE_STORE")
    ended = bulkput("verify", made)
    assert (ended.status, "there is no manifest" in ended.err) == (3, True), ended.err
    ended = bulkput("verify", made, "--state-store", address)
    assert ended.status == 0, ended.err


def test_blocks_that_another_host_left_out_are_missed_before_an_encrypted_copy(
    bulkput, s3, service, tmp_path, on_host
):
    source = tmp_path / "sparse.img"
    source.write_bytes(bytes(4 << 20))
    made = bulkput("upload", source, "--output", "json").object["snapshot_id"]
    on_host("here")
    key = "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    job = tmp_path / "job.yaml"
    copy = f"[{{region: eu-west-1, kms_key_arn: {key}}}]"
    job.write_text(f"version: 1\nvolumes: [{{source: sparse.img, regions: {copy}}}]\n")
    ended = bulkput("publish", job, "--snapshot", f"sparse.img={made}")
    assert (ended.status, "the snapshot lacks blocks of zeros" in ended.err) == (3, True), ended.err


def test_a_download_is_as_long_as_the_source_of_another_host(
    bulkput, s3, service, image, tmp_path, on_host, monkeypatch
):
    source = image("other.img")
    made = bulkput("upload", source, "--output", "json").object["snapshot_id"]
    on_host("here")
    address = os.environ["BULKPUT_STATE_STORE"]
    monkeypatch.delenv("BULKPUT_STATE_STORE")
    ended = bulkput("download", made, tmp_path / "back.img", "--state-store", address)
    assert ended.status == 0, ended.err
    assert (tmp_path / "back.img").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "web.img", "-0123456789ab", "\x1b[31m-0123456789ab"]
)
def test_a_key_of_others_leads_nowhere(bulkput, elsewhere, s3, name):
    (key,) = s3.keys("state.json")
    s3.put(f"bulkput/uploads/{name}/state.json", s3.objects[key][0])
    found = bulkput("store", "ls", "--output", "json").object["uploads"]
    assert [each["folder"] for each in found] == [key.split("/")[2]]
