"""State that an earlier program wrote is read by this one: see ``kept/README.md``."""

import hashlib
import shutil
from pathlib import Path

import pytest

from bulkput.api.manifest import snapshots_with_manifest
from bulkput.api.status import read_records
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.copy import history
from bulkput.jobs.copy.history import CopyRecord, CopyRecords
from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity
from bulkput.jobs.state import job_record
from bulkput.jobs.state.manifest_at_hand import find_manifest
from bulkput.jobs.state.upload_key import upload_folder
from bulkput.jobs.state.uploads import read_entries, read_unfinished
from bulkput.ledger import download_state, header, manifest, series, table_header
from bulkput.ledger.download_state import Restoration
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import State
from bulkput.ledger.series import find_generation
from bulkput.model.block import ZERO_BLOCK_DIGEST
from bulkput.model.zeros import ZeroPolicy

KEPT = Path(__file__).parent / "kept" / "state"
REGION = "eu-west-1"
PARENT = "snap-0aaaaaaaaaaaaaaaa"
CHILD = "snap-033d116c0448c309d"
OF_A_JOB = "snap-0c01edd45435121b8"
DOWNLOAD = f"downloads/{PARENT}-00112233aabb"
ABSENT = bytes(32)


def digest_of(text):
    return hashlib.sha256(str(text).encode()).digest()


def base_digest(index):
    return digest_of(("base", index))


@pytest.fixture
def state_dir(tmp_path):
    """Return a copy with the modes that the program gives: git keeps none."""
    return private_copy(KEPT, tmp_path)


def private_copy(kept, tmp_path):
    copy = Path(shutil.copytree(kept, tmp_path / "state"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return copy


def test_an_interrupted_increment_is_gone_on_with(state_dir):
    with Ledger.open(state_dir / "disk-0123456789ab") as ledger:
        header = ledger.header
        assert (header.snapshot_id, header.parent_snapshot_id) == (CHILD, PARENT)
        assert (header.phase, header.attempt) == (LedgerPhase.UPLOADING, 2)
        assert header.zero_policy is ZeroPolicy.SKIP
        assert not header.delivered
        assert not ledger.marks_lost
        assert list(ledger.states(0, 12)) == [
            *[State.ACKNOWLEDGED] * 3,
            *[State.SKIPPED_ZERO] * 2,
            *[State.UNCHANGED] * 2,
            State.SENT,
            *[State.UNKNOWN] * 4,
        ]
        assert [ledger.digest(index) for index in range(3)] == [digest_of(i) for i in range(3)]
        ledger.mark_acknowledged(7, digest_of("again"))
    with Ledger.open(state_dir / "disk-0123456789ab") as ledger:
        assert ledger.linear().changed_blocks_count == 4


def test_the_list_of_uploads_has_both(state_dir):
    assert {entry.volume: entry.snapshot_id for entry in read_entries(state_dir)} == {
        "base": PARENT,
        "disk": CHILD,
    }
    # The completed one was never reported to anybody, so it is in the list too.
    assert [each.problem for each in read_unfinished(state_dir)] == [None, None]


def test_a_completed_ledger_has_its_checksum_still(state_dir):
    with Ledger.view(state_dir / "base-ba9876543210") as ledger:
        assert ledger.header.phase is LedgerPhase.COMPLETED
        assert ledger.linear() == (3, "RuMKs8pdFVlfWd5zIVrdYxlIM2jfpQySN8L2ZFjEEgo=")


def test_a_manifest_is_a_parents(state_dir):
    manifest = find_manifest(state_dir, PARENT, region=REGION, endpoint="aws")
    assert manifest is not None
    with manifest:
        assert manifest.header.source_path == "/images/base.raw"
        assert manifest.header.source_size_bytes == 8 * 524_288
        assert manifest.present(0, 8).tolist() == [index in (1, 3, 4) for index in range(8)]
        digests = [digest.tobytes() for digest in manifest.digests(0, 6)]
        assert digests == [base_digest(i) if i in (1, 3, 4) else ABSENT for i in range(6)]


def test_a_series_goes_on_from_its_last_snapshot(state_dir):
    last = find_generation(state_dir, "nightly", endpoint_url=None, region=REGION)
    assert last is not None
    assert (last.snapshot_id, last.number) == (CHILD, 2)


def test_a_copy_is_the_next_ones_parent(state_dir):
    newer = CopyRecord(
        source=SnapshotIdentity(None, "us-east-1", "snap-0cccccccccccccccc", 1),
        source_start_unix_s=1795600000.0,
        source_encrypted=False,
        source_volume_id=None,
        target_endpoint_url=None,
        target_region=REGION,
        asked_encrypted=None,
        asked_kms_key_arn=None,
    )
    (before,) = CopyRecords(state_dir).before(newer)
    assert (before.source.snapshot_id, before.copy_id) == ("snap-0bbbbbbbbbbbbbbbb", PARENT)
    assert CopyRecords(state_dir).of(before) == before


def test_a_download_in_progress_knows_what_is_settled(state_dir):
    with Restoration(state_dir / DOWNLOAD) as restoration:
        facts = restoration.stored()
        assert facts["length_bytes"] == 8 * 524_288
        restoration.open(facts, PARENT, 8)
        assert not restoration.is_fresh
        assert restoration.digests([0, 1, 2, 3, 5]) == [
            None,
            base_digest(1),
            None,
            base_digest(3),
            ZERO_BLOCK_DIGEST,
        ]


@pytest.mark.parametrize(
    ("volume", "endpoint_url", "folder"),
    [
        ({"source": "/images/disk.raw"}, None, "disk.raw-938fbdf37c9c"),
        (
            {
                "name": "web",
                "source": {"path": "/images/disk.raw", "format": "raw"},
                "snapshot": {
                    "description": "Übung",
                    "tags": {"Team": "x"},
                    "encrypted": True,
                    "volume_size_gib": 9,
                },
            },
            None,
            "web-2426bcfd5738",
        ),
        (
            {
                "name": "db",
                "source": "/dev/sdb",
                "series": "nightly",
                "resume": "verify",
                "zeros": "skip",
            },
            None,
            "db-f8cae15203db",
        ),
        (
            {
                "source": "/images/disk.raw",
                "snapshot": {"parent": PARENT, "wait": False, "timeout_min": 60},
            },
            "https://ebs.example:8443",
            "disk.raw-2857f2ac9853",
        ),
        (
            {"source": "/images/disk.raw", "snapshot": {"client_token": "token"}},
            "embedded",
            "disk.raw-67fb8778e81b",
        ),
    ],
    ids=["plain", "attributes", "series", "parent", "token"],
)
def test_the_same_volume_has_the_same_folder(volume, endpoint_url, folder):
    found = upload_folder(
        Path("/state"),
        VolumeSettings.model_validate(volume),
        endpoint_url=endpoint_url,
        region=REGION,
        source_path=Path("/images/disk.raw"),
    )
    assert found.name == folder


def test_what_is_kept_has_the_versions_of_this_program():
    versions = {
        "ledger": header.FORMAT_VERSION,
        "table": table_header.TABLE_VERSION,
        "manifest": manifest.MANIFEST_VERSION,
        "series": series._FORMAT_VERSION,
        "download": download_state.FORMAT_VERSION,
        "copy": history._VERSION,
        "job": job_record.FORMAT_VERSION,
    }
    assert set(versions.values()) == {1}, f"kept/README.md has what is due now: {versions}"


def test_the_record_of_a_job_of_which_a_volume_failed(tmp_path):
    state_dir = private_copy(KEPT.parent / "state-of-a-job", tmp_path)
    (record,) = read_records(state_dir)
    assert (record.name, record.file, record.delivered) == ("move", "/images/job.yaml", False)
    done, failed = record.volumes.values()
    assert (done.volume, done.status, done.snapshot_id) == ("a.img", "completed", OF_A_JOB)
    assert (failed.volume, failed.status, failed.exit_code) == ("b.img", "failed", 6)
    with Ledger.open(state_dir / "a.img-fc5271ccdd27") as ledger:
        assert (ledger.header.snapshot_id, ledger.header.phase) == (OF_A_JOB, LedgerPhase.COMPLETED)
        assert list(ledger.states(0, 4)) == [State.ACKNOWLEDGED] * 4
    assert snapshots_with_manifest(state_dir) == [OF_A_JOB]
