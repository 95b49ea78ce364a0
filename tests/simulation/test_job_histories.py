"""Histories of a job: runs that fail, are killed between any two writes, and edits in between.

The volumes are uploaded by a stand-in that keeps real ledgers; rounds, records and their writes are
the program's. What must hold: a snapshot that is completed is made again only once its round was
reported whole, or its section asks for another, or `--fresh` was said.
"""

import dataclasses
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import make_header

from bulkput.config.job_request import JobIdentity, JobRequest
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.state import job_round
from bulkput.jobs.state.job_record import read_record, record_path
from bulkput.jobs.state.job_round import JobFolders, begin_round, end_run
from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.header_file import has_ledger, read_header, write_header
from bulkput.model.outcome import VolumeOutcome

NAMES = "abc"
IDENTITY = JobIdentity("job", "/job.yaml")


class KilledError(BaseException):
    """The process ends here."""


class Account:
    """The snapshots that were made, and what may be made again."""

    def __init__(self, state_dir):
        self.folders = JobFolders(state_dir, None, "us-east-1")
        self.settled = {}
        """Folder -> section of the completed snapshot that has not been reported yet."""
        self.made = Counter()
        self.writes_left = None

    def write(self, really):
        """Return ``really`` as it is while writes are left; the next one is the end."""

        def write(*args):
            if self.writes_left is not None:
                if self.writes_left == 0:
                    raise KilledError
                self.writes_left -= 1
            really(*args)
            record = read_record(record_path(self.folders.state_dir, IDENTITY))
            if record is not None and record.delivered:
                for name in record.volumes:
                    self.settled.pop(name, None)

        return write

    def upload(self, volume, *, fails):
        """Do as an upload does: report what is completed and not reported, else make another."""
        folder = self.folders.of(volume)
        ensure_folder(folder.parent)
        ensure_folder(folder)
        header = read_header(folder) if has_ledger(folder) else None
        if header is None or (header.phase is LedgerPhase.COMPLETED and header.delivered):
            section = job_round.section_digest(volume)
            assert self.settled.get(folder.name) != section, "a snapshot is made twice"
            self.made[folder.name] += 1
            header = a_header(f"snap-{self.made[folder.name]:x}", header)
            job_round.write_header(folder, header)
        if header.phase is not LedgerPhase.COMPLETED and not fails:
            header = dataclasses.replace(header, phase=LedgerPhase.COMPLETED)
            job_round.write_header(folder, header)
            self.settled[folder.name] = job_round.section_digest(volume)
        is_done = header.phase is LedgerPhase.COMPLETED
        return VolumeOutcome(
            volume=volume.label,
            source=str(volume.source.path),
            status="completed" if is_done else "failed",
            snapshot_id=header.snapshot_id,
            exit_code=0 if is_done else 6,
            ledger_folder=folder,
        )


def a_header(snapshot_id, earlier):
    attempt = 1 if earlier is None else earlier.attempt + 1
    return make_header(1, attempt=attempt, snapshot_id=snapshot_id, phase=LedgerPhase.UPLOADING)


@dataclasses.dataclass(frozen=True)
class Step:
    """One run of the job, as it is written then."""

    names: tuple[str, ...]
    zeros: str
    fails: frozenset[str]
    only: frozenset[str]
    begin: str
    writes: int | None
    """After which the process is killed; None is never."""


STEPS = st.builds(
    Step,
    names=st.sets(st.sampled_from(NAMES), min_size=1).map(lambda names: tuple(sorted(names))),
    zeros=st.sampled_from(["auto", "auto", "auto", "write"]),
    fails=st.frozensets(st.sampled_from(NAMES), max_size=2),
    only=st.frozensets(st.sampled_from(NAMES), min_size=1) | st.just(frozenset(NAMES)),
    begin=st.sampled_from(["auto", "auto", "auto", "auto", "rerun", "fresh"]),
    writes=st.none() | st.integers(0, 12),
)


def play(account, step):
    account.writes_left = step.writes
    volumes = [
        VolumeSettings.model_validate({"source": f"/{name}", "zeros": step.zeros})
        for name in step.names
    ]
    chosen = [each for each, name in zip(volumes, step.names, strict=True) if name in step.only]
    left_out = tuple(each for each in volumes if each not in chosen)
    request = JobRequest(IDENTITY, "2026-11-28", left_out, step.begin)
    if step.begin == "fresh":
        account.settled.clear()
    record = begin_round(request, chosen, account.folders, now_unix_s=1.0)
    if record is None:
        return []
    outcomes = [account.upload(volume, fails=volume.own_label in step.fails) for volume in chosen]
    end_run(account.folders.state_dir, IDENTITY, outcomes, now_unix_s=2.0)
    return outcomes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("histories")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=1, max_size=6), number=st.uuids())
def test_whatever_happens_to_a_job_nothing_of_it_is_made_twice(root, steps, number):
    account = Account(Path(root) / str(number))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(job_round, "write_record", account.write(job_round.write_record))
        patched.setattr(job_round, "write_header", account.write(write_header))
        patched.setattr("bulkput.ledger.storage.os.fsync", lambda _: None)
        for step in steps:
            with suppress(KilledError):
                play(account, step)
        last = Step(tuple(NAMES), "auto", frozenset(), frozenset(NAMES), "auto", None)
        assert [each.status for each in play(account, last)] == ["completed"] * 3
        record = read_record(record_path(account.folders.state_dir, IDENTITY))
        assert record.delivered
        again = [each.snapshot_id for each in play(account, last)]
    assert again == [f"snap-{account.made[account.folders.of(v).name]:x}" for v in everything()]


def everything():
    return [VolumeSettings.model_validate({"source": f"/{name}"}) for name in NAMES]


@pytest.mark.parametrize("writes", range(10))
def test_a_run_that_is_killed_at_each_write_is_gone_on_with(tmp_path, monkeypatch, writes):
    account = Account(tmp_path)
    monkeypatch.setattr(job_round, "write_record", account.write(job_round.write_record))
    monkeypatch.setattr(job_round, "write_header", account.write(write_header))
    failed = Step(tuple(NAMES), "auto", frozenset("b"), frozenset(NAMES), "auto", None)
    play(account, failed)
    mended = dataclasses.replace(failed, fails=frozenset())
    with suppress(KilledError):
        play(account, dataclasses.replace(mended, writes=writes))
    record = read_record(record_path(tmp_path, IDENTITY))
    if not record.delivered:
        play(account, mended)
    assert set(account.made.values()) == {1}
