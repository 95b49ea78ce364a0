"""Every way in which the program reaches a file in a state folder, to be tried in a harmed one."""

from support.ledgers import SNAPSHOT_ID, make_header, start

from bulkput.config.job_request import JobIdentity
from bulkput.jobs.copy.history import CopyRecord, CopyRecords
from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity
from bulkput.jobs.state.job_record import JobRecord, read_record, record_path, write_record
from bulkput.jobs.state.manifest_at_hand import find_manifest
from bulkput.ledger.download_state import Restoration
from bulkput.ledger.folder import ensure_state_dir
from bulkput.ledger.header_file import read_header, write_header
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.lock import FolderLock, holder_of
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter
from bulkput.ledger.removal import remove_ledger
from bulkput.ledger.series import Series, find_generation, series_folder
from bulkput.ledger.table import Table

PLACE = {"endpoint_url": None, "region": "eu-west-1"}
RECORD = CopyRecord(
    source=SnapshotIdentity(
        endpoint_url=None, region="eu-west-1", snapshot_id=SNAPSHOT_ID, volume_size_gib=1
    ),
    source_start_unix_s=1.0,
    source_encrypted=False,
    source_volume_id=None,
    target_endpoint_url=None,
    target_region="eu-west-1",
    asked_encrypted=None,
    asked_kms_key_arn=None,
)
JOB = JobIdentity(name="nightly", file="/etc/nightly.yaml")
JOB_RECORD = JobRecord(
    name=JOB.name,
    job_id=JOB.job_id,
    file=JOB.file,
    date="2026-09-01",
    begun_unix_s=1.0,
    updated_unix_s=1.0,
)
MANIFEST = ManifestHeader(
    snapshot_id=SNAPSHOT_ID,
    parent_snapshot_id=None,
    volume_size_gib=1,
    block_count=2048,
    source_path=None,
    source_size_bytes=None,
    encrypted=False,
    region="eu-west-1",
    endpoint_url=None,
    created_unix_s=1.0,
    program_version="0.1.0",
)


class State:
    """A state folder with one of everything in it."""

    def __init__(self, top):
        self.top = top
        self.upload = top / "disk-0123456789ab"
        self.download = top / "downloads" / "disk.img-0123456789ab"
        self.series = series_folder(top, "nightly", **PLACE)
        self.manifest = manifest_path(top, SNAPSHOT_ID)
        ensure_state_dir(top)
        start(self.upload).close()
        with ManifestWriter(self.manifest, MANIFEST) as writer:
            writer.finish()
        with Series(top, "nightly", **PLACE) as series:
            series.advance(
                SNAPSHOT_ID,
                parent_snapshot_id=None,
                begun_unix_s=0.0,
                now_unix_s=1.0,
                program_version="0.1.0",
            )
        with Restoration(self.download) as restoration:
            restoration.open({"a": 1}, SNAPSHOT_ID, 4)
        CopyRecords(top).keep(RECORD)
        self.job = record_path(top, JOB)
        write_record(self.job, JOB_RECORD)
        (self.copy,) = (top / "copies").iterdir()


def _open_restoration(state):
    with Restoration(state.download) as restoration:
        restoration.open({"a": 1}, SNAPSHOT_ID, 4)


WAYS = {
    "header read": ("upload", "ledger.json", lambda s: read_header(s.upload)),
    "header read by a view": ("upload", "ledger.json", lambda s: Ledger.view(s.upload).close()),
    "table viewed": ("upload", "ledger.bin", lambda s: Ledger.view(s.upload).close()),
    "table opened": ("upload", "ledger.bin", lambda s: Ledger.open(s.upload).close()),
    "table created": (
        "upload",
        "ledger.bin",
        lambda s: Table.create(s.upload / "ledger.bin", SNAPSHOT_ID, 4).close(),
    ),
    "lock taken": ("upload", "lock", lambda s: FolderLock(s.upload).close()),
    "lock looked at": ("upload", "lock", lambda s: holder_of(s.upload)),
    "manifest opened": ("manifest", None, lambda s: Manifest.open(s.manifest).close()),
    "manifest found": (
        "manifest",
        None,
        lambda s: find_manifest(s.top, SNAPSHOT_ID, region="eu-west-1", endpoint="aws").close(),
    ),
    "series taken": ("series", "series.json", lambda s: enter(Series(s.top, "nightly", **PLACE))),
    "series looked at": (
        "series",
        "series.json",
        lambda s: find_generation(s.top, "nightly", **PLACE),
    ),
    "series looked for": (
        "series",
        "series.json",
        lambda s: find_generation(s.top, "nightly", endpoint_url=None, region=None),
    ),
    "series' lock": ("series", "lock", lambda s: enter(Series(s.top, "nightly", **PLACE))),
    "copy looked at": ("copy", None, lambda s: CopyRecords(s.top).of(RECORD)),
    "copies looked through": ("copy", None, lambda s: CopyRecords(s.top).before(RECORD)),
    "download's facts": ("download", "download.json", _open_restoration),
    "job's record read": ("job", None, lambda s: read_record(s.job)),
    "download's lock": ("download", "lock", _open_restoration),
}
"""What is reached: the attribute of ``State``, the file in it, and the call."""
REPLACES = {
    "header written": ("upload", "ledger.json", lambda s: write_header(s.upload, make_header())),
    "header's new file": (
        "upload",
        "ledger.json.new",
        lambda s: write_header(s.upload, make_header()),
    ),
    "manifest written": ("manifest", None, lambda s: write_manifest(s.manifest)),
    "job's record written": ("job", None, lambda s: write_record(s.job, JOB_RECORD)),
    "copy kept": ("copy", None, lambda s: CopyRecords(s.top).keep(RECORD)),
    "ledger removed": ("upload", "ledger.json", lambda s: remove_ledger(s.upload)),
}
"""Those that put another file in the place of what is there: they follow no link either."""


def enter(context):
    with context:
        pass


def write_manifest(path):
    with ManifestWriter(path, MANIFEST) as writer:
        writer.finish()
