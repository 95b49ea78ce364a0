"""Small files of state that are damaged, whatever is in them, count as none or are refused."""

import pytest

from bulkput.jobs.copy.history import _read
from bulkput.jobs.state.job_record import read_record
from bulkput.ledger.download_state import _facts_in
from bulkput.ledger.mirror_record import MIRROR_NAME, read_mirror_record
from bulkput.model.errors import LedgerError

RECORD = b"""{"format_version": 1, "source": {"endpoint_url": null, "region": "a",
"snapshot_id": "snap-1", "volume_size_gib": 1}, "source_start_unix_s": 1.5,
"source_encrypted": false, "source_volume_id": null, "target_endpoint_url": null,
"target_region": "b", "asked_encrypted": null, "asked_kms_key_arn": null,
"parent_source_id": null, "parent_copy_id": null, "copy_id": "snap-2"}"""
JOB = b"""{"format_version": 1, "name": "a", "job_id": "b", "file": "c", "date": "d",
"begun_unix_s": 1, "updated_unix_s": 2.5, "delivered": true, "volumes": {"x": {"volume": "x",
"source": "y", "section": "z", "status": "failed", "exit_code": 4}}}"""
MIRROR = b'{"writer_id": "a", "sequence": 7}'
DOWNLOAD = b'{"format_version": 1, "x": 2}'


def damaged(whole):
    yield from (b"", b"1", b"null", b"[]", b'"x"', b"{}", b"\xff", b"[" * 3000, b'{"a":' * 700)
    yield from (whole[:-1], whole.replace(b"1", b"1e999"), whole.replace(b'"', b"", 1))
    for value in (b"null", b"false", b'"a"', b"1.5", b"{}"):
        for other in (b"[1]", b"{}", b"7"):
            yield whole.replace(b": " + value, b": " + other)


def test_a_whole_record_of_a_copy_is_read_and_a_damaged_one_is_none(tmp_path):
    path = tmp_path / "copy.json"
    path.touch(0o600)
    path.write_bytes(RECORD)
    assert _read(path).copy_id == "snap-2"
    for each in damaged(RECORD):
        path.write_bytes(each)
        is_sound = each in (RECORD, RECORD.replace(b": 1.5", b": 7"))
        assert is_sound or _read(path) is None, each


def test_a_whole_record_of_a_job_is_read_and_a_damaged_one_refused(tmp_path):
    path = tmp_path / "jobs" / "job.json"
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    path.write_bytes(JOB)
    assert read_record(path).volumes["x"].exit_code == 4
    for each in damaged(JOB):
        path.write_bytes(each)
        if each not in (JOB, JOB.replace(b": 1.5", b": 7")):
            with pytest.raises(LedgerError, match="is damaged"):
                read_record(path)


def test_a_damaged_note_of_a_download_or_a_mirror_is_none(tmp_path):
    tmp_path.chmod(0o700)
    for name, whole in (("download.json", DOWNLOAD), (MIRROR_NAME, MIRROR)):
        path = tmp_path / name
        path.touch(0o600)
        path.write_bytes(whole)
        assert _facts_in(tmp_path) or read_mirror_record(tmp_path).sequence == 7
        for each in damaged(whole):
            path.write_bytes(each)
            read = _facts_in if name == "download.json" else read_mirror_record
            assert each == whole or not any(read(tmp_path)), each
        path.unlink()
