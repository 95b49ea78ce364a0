"""The rounds of a job: when a run goes on with an earlier one, and when it begins anew.

Owns the order of the writes, which is what makes a crash between any two of them harmless. A ledger
that is completed and not delivered is reported by the next run instead of being made again; so
delivery is marked in the ledgers only once the round is over by the job's record, and
whoever begins the next round marks first what a crash has left unmarked.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bulkput.config.job_request import JobIdentity, JobRequest
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.state.job_record import (
    JobRecord,
    VolumeRecord,
    changing_records,
    read_record,
    record_path,
    write_record,
)
from bulkput.jobs.state.upload_key import upload_folder
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import has_ledger, read_header, write_header
from bulkput.ledger.lock import FolderLock
from bulkput.model.errors import BulkputError
from bulkput.model.image_outcome import AVAILABLE
from bulkput.model.outcome import VolumeOutcome

_ANY_SECTION = ""
"""Of a snapshot that no run of this round has made: it is reported, whatever is asked for now."""

_NO_IMAGES: Mapping[str, str] = MappingProxyType({})
_SEALED = frozenset({LedgerPhase.SEALING, LedgerPhase.COMPLETED})


class JobFolders(NamedTuple):
    """Where the state of a job's volumes is."""

    state_dir: Path
    endpoint_url: str | None
    region: str

    def of(self, volume: VolumeSettings) -> Path:
        """Return the folder of a volume's ledger."""
        path = volume.source.path
        return upload_folder(
            self.state_dir,
            volume,
            endpoint_url=self.endpoint_url,
            region=self.region,
            source_path=path if isinstance(path, Path) else volume.source.shown,
        )


def section_digest(volume: VolumeSettings) -> str:
    """Return a digest of everything by which a section asks for another snapshot.

    Keys that only change the way there (`resume`, `on_failure`, `verify`, `reader`) are left out.
    """
    asks = volume.model_dump(
        mode="json",
        include={"source": {"path", "sample_bytes", "format"}, "zeros": True, "series": True},
    )
    attributes = volume.snapshot.model_dump(
        mode="json", exclude={"wait", "timeout_min", "mark", "parent_manifest"}
    )
    if isinstance(volume.source.path, str):
        asks["source"]["path"] = volume.source.shown  # the signature of an address may be renewed
    text = json.dumps([asks, attributes], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def begin_round(
    request: JobRequest,
    volumes: Iterable[VolumeSettings],
    folders: JobFolders,
    *,
    now_unix_s: float,
) -> JobRecord | None:
    """Go on with the job's round or begin another, durably, before any volume is started. Blocks.

    Returns:
        The record; None if only a rerun was asked for and there is nothing to run again.

    Raises:
        LedgerError: the state folder cannot be used.
        TemporaryError: the disk is full.
    """
    started, left_out = _by_name(volumes, folders), _by_name(request.left_out, folders)
    with changing_records(folders.state_dir):
        return _begin(request, started, left_out | started, folders.state_dir, now_unix_s)


def _begin(
    request: JobRequest,
    started: Iterable[str],
    wanted: dict[str, VolumeRecord],
    state_dir: Path,
    now_unix_s: float,
) -> JobRecord | None:
    """Begin or go on, within the lock; volumes that are not in ``started`` stay as they are.

    Another run may be working on them.
    """
    identity = request.identity
    path = record_path(state_dir, identity)
    earlier = read_record(path)
    if request.begin == "rerun" and earlier is not None and earlier.delivered:
        return None
    if earlier is not None and earlier.delivered:
        _mark_all(state_dir, earlier)
        earlier = None
    known = {} if earlier is None else dict(earlier.volumes)
    if request.begin == "fresh":
        for name in started:
            _mark(state_dir / name, None)
            known.pop(name, None)
        earlier = earlier if request.left_out else None
    for name, volume in wanted.items():
        wanted[name] = _continued(known.get(name), volume, _header(state_dir / name))
    record = JobRecord(
        name=identity.name,
        job_id=identity.job_id,
        file=identity.file,
        date=request.date if earlier is None else earlier.date,
        begun_unix_s=now_unix_s if earlier is None else earlier.begun_unix_s,
        updated_unix_s=now_unix_s,
        volumes=wanted,
        images={} if earlier is None else earlier.images,
    )
    write_record(path, record)
    for name in started:
        volume = wanted[name]
        if volume.made_id is not None:
            superseded = volume.made_section not in {volume.section, _ANY_SECTION}
            _mark(state_dir / name, volume.made_id, delivered=superseded)
    return record


def _by_name(volumes: Iterable[VolumeSettings], folders: JobFolders) -> dict[str, VolumeRecord]:
    return {
        folders.of(volume).name: VolumeRecord(
            volume=volume.label, source=volume.source.shown, section=section_digest(volume)
        )
        for volume in volumes
    }


def _continued(
    earlier: VolumeRecord | None, wanted: VolumeRecord, header: LedgerHeader | None
) -> VolumeRecord:
    """Return the record of a volume as it is wanted now, with what is made of it already."""
    made_id, made_section = None, None
    if header is not None and header.phase in _SEALED:
        if earlier is not None and header.snapshot_id == earlier.made_id:
            made_id, made_section = earlier.made_id, earlier.made_section
        elif not header.delivered:
            made_id = header.snapshot_id
            made_section = _ANY_SECTION if earlier is None else earlier.section
    if earlier is not None and wanted.section == earlier.section:
        wanted = replace(earlier, volume=wanted.volume)
    return replace(wanted, made_id=made_id, made_section=made_section)


def end_run(
    state_dir: Path,
    identity: JobIdentity,
    outcomes: Sequence[VolumeOutcome],
    *,
    now_unix_s: float,
    images: Mapping[str, str] = _NO_IMAGES,
) -> None:
    """Note what became of the volumes and images, once that was delivered. Blocks.

    If all volumes of the job are done, and its images made, the round is over.

    Args:
        state_dir: Where the record is.
        identity: Whose.
        outcomes: Of the volumes that were worked on.
        now_unix_s: The time.
        images: Status of each image of the job by its name; empty of those that this run does
            not concern.

    Raises:
        LedgerError: the record cannot be read or written.
        TemporaryError: the disk is full.
    """
    with changing_records(state_dir):
        path = record_path(state_dir, identity)
        record = read_record(path)
        if record is None or record.delivered:
            return
        volumes = dict(record.volumes)
        for name, outcome in _by_folder(outcomes, volumes).items():
            volumes[name] = replace(
                volumes[name],
                status=outcome.status,
                snapshot_id=outcome.snapshot_id,
                error=outcome.error,
                exit_code=int(outcome.exit_code),
            )
        is_done = all(_is_done(state_dir / name, volume) for name, volume in volumes.items())
        known = {name: status or record.images.get(name, "") for name, status in images.items()}
        known = {name: status for name, status in known.items() if status}
        is_over = is_done and set(known.values()) <= {AVAILABLE}
        record = replace(record, volumes=volumes, images=known, delivered=is_over)
        record = replace(record, updated_unix_s=now_unix_s)
        write_record(path, record)
        if is_over:
            _mark_all(state_dir, record)


def done_in_round(request: JobRequest, folders: JobFolders) -> set[str]:
    """Return the labels of the left-out volumes that are done in the latest round. Blocks."""
    with suppress(BulkputError):
        record = read_record(record_path(folders.state_dir, request.identity))
        known = {} if record is None else record.volumes
        names = {volume.label: folders.of(volume).name for volume in request.left_out}
        return {
            label
            for label, name in names.items()
            if name in known and _is_done(folders.state_dir / name, known[name])
        }
    return set()


def _by_folder(
    outcomes: Sequence[VolumeOutcome], volumes: Mapping[str, VolumeRecord]
) -> dict[str, VolumeOutcome]:
    """Return outcomes by the names under which the record has their volumes."""
    names = {volume.volume: name for name, volume in volumes.items()}
    found = {}
    for outcome in outcomes:
        folder = outcome.ledger_folder
        name = folder.name if folder is not None else names.get(outcome.volume, "")
        name = name if name in volumes else names.get(outcome.volume, "")
        if name in volumes:
            found[name] = outcome
    return found


def _is_done(folder: Path, volume: VolumeRecord) -> bool:
    """Return whether a volume is done in this round, by its own ledger."""
    if volume.exit_code or volume.snapshot_id is None:
        return False
    try:
        header = read_header(folder)
    except BulkputError:
        # Its ledger is elsewhere or gone; the outcome has reported that it was done.
        return volume.status in {"completed", "pending"}
    return header.snapshot_id == volume.snapshot_id and header.phase in _SEALED


def _mark_all(state_dir: Path, record: JobRecord) -> None:
    for name, volume in record.volumes.items():
        if volume.snapshot_id is not None:
            _mark(state_dir / name, volume.snapshot_id)


def _header(folder: Path) -> LedgerHeader | None:
    """Return a ledger's header; None where there is none to be read."""
    with suppress(BulkputError):  # a damaged one is reported by who uploads the volume
        return read_header(folder)
    return None


def _mark(folder: Path, snapshot_id: str | None, *, delivered: bool = True) -> None:
    """Mark a sealed snapshot as delivered or not; after a delivered one the next run makes another.

    Args:
        folder: Of its ledger.
        snapshot_id: Only if it is this one; None is any.
        delivered: The mark.

    Raises:
        LedgerError: another process works on it, or the file cannot be written.
        TemporaryError: the disk is full.
    """
    if not has_ledger(folder):
        return
    header = _header(folder)
    if header is None or header.delivered is delivered or header.phase not in _SEALED:
        return
    with FolderLock(folder):
        header = _header(folder)
        if header is None or header.phase not in _SEALED:
            return
        if snapshot_id in {None, header.snapshot_id}:
            write_header(folder, replace(header, delivered=delivered))
