"""A host dies between the last put and its report: the next one takes up that very snapshot."""

import pytest
from simulation import run as simulated_run
from simulation.hosts import HostsHistory
from simulation.scripted import Scripted

from bulkput.jobs.session.context import JobContext
from bulkput.ledger.header import LedgerPhase
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pace.gate import Fence
from bulkput.store.cut import decode_cut
from bulkput.store.keeper import NEEDED_LIMIT_S


class ScriptedHosts(Scripted, HostsHistory):
    """Runs on hosts that have the state store in common, each as its script says."""

    def __init__(self, folder):
        super().__init__(folder)
        self.interval_s = 5.0

    @property
    def snapshot(self):
        (only,) = self.service.snapshots.values()
        return only

    def stored_phase(self):
        """Return what another host learns from the store."""
        (content, _, _) = next(
            found for key, found in self.pool.objects.items() if key.endswith("/state.json")
        )
        return decode_cut(content).header().phase

    def refuse_writes(self, when, until_s=float("inf")):
        """Let the store take nothing from when ``when`` says so; returns what mends it."""
        write, pool = self.pool.write, self.pool

        def refused(key, content, if_match, now_s):
            if when(self) and now_s < until_s:
                raise ServiceError("PutObject", FailureClass.TRANSIENT, "simulated")
            return write(key, content, if_match, now_s)

        def mend():
            pool.write = write

        pool.write = refused
        return mend

    def dies_when(self, moment):
        """Make a run that is killed as soon as ``moment`` has come."""
        tick, machine = self.machine.tick, self.machine
        self.crashes = False

        def looked_at(what):
            tick(what)
            if not machine.dead and self.service.snapshots and moment(self):
                self._die()

        machine.tick = looked_at
        assert self.go() is None, "the moment did not come"
        machine.tick = tick


def own_phase(run):
    header = run._header()
    return None if header is None else header.phase


MOMENTS = {
    "its ledger alone has it": lambda run: (
        own_phase(run) is LedgerPhase.SEALING and run.stored_phase() is LedgerPhase.UPLOADING
    ),
    "before the request": lambda run: run.stored_phase() is LedgerPhase.SEALING,
    "request under way": lambda run: run.line.calls["CompleteSnapshot"] == 1,
    "done and unanswered": lambda run: run.snapshot.sealed is not None,
    "waiting": lambda run: run.snapshot.sealed and run.line.calls["DescribeSnapshots"] > 4,
    "completed and not recorded": lambda run: run.snapshot.state == "completed",
    "recorded here alone": lambda run: (
        own_phase(run) is LedgerPhase.COMPLETED and run.stored_phase() is LedgerPhase.SEALING
    ),
    "recorded and not reported": lambda run: run.stored_phase() is LedgerPhase.COMPLETED,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_next_host_reports_the_same_snapshot(moment, tmp_path):
    upload = ScriptedHosts(tmp_path)
    upload.dies_when(MOMENTS[moment])
    first = upload.snapshot
    upload.machine = upload.hosts[1]
    assert upload.go() == 0, upload.outcomes[-1]
    outcome = upload.outcomes[-1]
    assert upload.snapshot is first, "another was started"
    assert (outcome.snapshot_id, outcome.status) == (first.snapshot_id, "completed")
    put = 0 if moment != "its ledger alone has it" else outcome.blocks["put"]
    assert (upload.line.calls["StartSnapshot"], upload.line.calls["put"]) == (0, put)
    assert outcome.checksum == first.linear[1]


@pytest.fixture
def fenced(monkeypatch):
    """Have runs be those of a fleet: another host may come as soon as a lease is not renewed."""

    def context(**given):
        return JobContext(**given, fence=Fence(is_needed=True))

    monkeypatch.setattr(simulated_run, "JobContext", context)


def is_sealing(run):
    return own_phase(run) is LedgerPhase.SEALING


@pytest.mark.usefixtures("fenced")
def test_nothing_is_sealed_that_the_next_host_would_not_know_of(tmp_path):
    upload = ScriptedHosts(tmp_path)
    mend = upload.refuse_writes(is_sealing)
    assert upload.go(stops_after_s=100.0) is None
    assert own_phase(upload) is LedgerPhase.SEALING
    first = upload.snapshot
    assert first.sealed is None
    mend()
    upload.machine = upload.hosts[1]
    assert upload.go() == 0, upload.outcomes[-1]
    assert upload.snapshot is first, "another was started"
    assert upload.outcomes[-1].status == "completed"


@pytest.mark.usefixtures("fenced")
def test_nothing_is_started_that_the_next_host_would_not_know_of(tmp_path):
    upload = ScriptedHosts(tmp_path)
    mend = upload.refuse_writes(lambda _: True)
    assert upload.go(stops_after_s=100.0) is None
    assert not upload.service.snapshots
    mend()
    assert upload.go() == 0, upload.outcomes[-1]


@pytest.mark.usefixtures("fenced")
def test_a_store_that_comes_back_is_waited_for(tmp_path):
    upload = ScriptedHosts(tmp_path)
    upload.refuse_writes(is_sealing, upload.unix_s + NEEDED_LIMIT_S / 2)
    assert upload.go() == 0, upload.outcomes[-1]
    assert upload.outcomes[-1].elapsed_s > NEEDED_LIMIT_S / 2


@pytest.mark.usefixtures("fenced")
def test_one_that_does_not_ends_the_attempt_and_the_same_host_goes_on(tmp_path):
    upload = ScriptedHosts(tmp_path)
    mend = upload.refuse_writes(is_sealing)
    for _ in range(2):
        assert upload.go() == 5
        assert "has taken nothing for 5m 00s" in upload.outcomes[-1].error
        assert upload.snapshot.sealed is None
    mend()
    assert upload.go() == 0, upload.outcomes[-1]
    assert upload.snapshot.state == "completed"
