"""Open files and threads: raised, fitted to, and named when they run out."""

import errno
import resource
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

import pytest

from bulkput.cli.failure import explain
from bulkput.config.tuning import TuningSettings
from bulkput.destination.destination import target_error
from bulkput.jobs.process import event_loop
from bulkput.jobs.session.open import fitted
from bulkput.ledger.storage import storage_error
from bulkput.machine import limits
from bulkput.model.errors import LedgerError, MachineError
from bulkput.model.exit_code import ExitCode
from bulkput.pipeline.workers import ThreadWorkers
from bulkput.source.open import open_source


def test_the_soft_limit_of_open_files_becomes_the_hard_one():
    code = (
        "import resource\n"
        "from bulkput.machine.limits import raise_open_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 2000))\n"
        "raise_open_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(2000, 2000)\n"


def test_too_few_files_for_an_event_loop_are_named_before_there_is_one(monkeypatch):
    """uvloop's, without the last of its files, is neither started nor closed: RuntimeError."""
    for name in ("raise_open_files", "forbid_core_dumps"):
        monkeypatch.setattr(event_loop, name, lambda: None)
    allowed, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = {int(each.name) for each in Path("/proc/self/fd").iterdir()}
    free = (number for number in range(allowed) if number not in before)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, 5, None)), hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            event_loop.run_in_loop(lambda: pytest.fail("it began"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    assert explain(caught.value, {}).status == ExitCode.MACHINE
    assert {int(each.name) for each in Path("/proc/self/fd").iterdir()} == before


@pytest.mark.parametrize(
    ("soft", "parallel", "fitting"),
    [(256, 4, 17), (20_000, 4, 512), (10, 4, 1)],
)
def test_what_is_in_flight_fits_the_files_that_may_be_open(monkeypatch, soft, parallel, fitting):
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (soft, soft))
    monkeypatch.setattr(limits.os, "listdir", lambda _: ["0"] * 60)
    assert fitted(TuningSettings(), parallel).in_flight_max == fitting


def test_no_limit_is_no_bound(monkeypatch):
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: unlimited)
    assert limits.connections_that_fit(4000, volumes=100) == 4000


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN])
def test_what_the_machine_lacks_is_no_fault_of_the_configuration(number, tmp_path, monkeypatch):
    error = OSError(number, "short")
    assert isinstance(storage_error(tmp_path, "write", error), MachineError)
    assert isinstance(target_error(tmp_path, "write", error), MachineError)
    assert isinstance(storage_error(tmp_path, "write", OSError(errno.EIO, "no")), LedgerError)
    (tmp_path / "disk.img").write_bytes(b"x" * 512)

    def refuse(*_, **__):
        raise OSError(number, "short")

    monkeypatch.setattr("bulkput.source.source_file.os.open", refuse)
    with pytest.raises(MachineError):
        open_source(tmp_path / "disk.img")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        BlockingIOError(errno.EAGAIN, "fork"),
        MemoryError(),
        RuntimeError("can't start new thread"),
        ExceptionGroup("tasks", [OSError(errno.ENFILE, "table")]),
    ],
)
def test_where_nobody_foresaw_it_it_is_still_the_machines(error):
    failure = explain(error, {})
    assert failure.status == ExitCode.MACHINE
    assert "run the same command again: it resumes" in failure.sentence
    assert "defect" not in failure.sentence


def test_threads_that_cannot_be_started_are_the_machines(monkeypatch):
    real, left = threading.Thread.start, [3]

    def start(thread):
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    before = threading.active_count()
    with pytest.raises(MachineError, match="ulimit -u"):
        limits.require_threads()
    assert threading.active_count() == before
    with pytest.raises(MachineError):
        ThreadWorkers(2)
    monkeypatch.undo()
    limits.require_threads()


_AS_NOBODY = ("setpriv", "--reuid=65534", "--clear-groups")
_READING = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")


@pytest.mark.parametrize("processes", [1, 4, 9, 12])
def test_a_small_limit_of_processes_ends_in_a_sentence(processes, tmp_path):
    (tmp_path / "disk.img").write_bytes(b"x" * 512)
    program = f"ulimit -u {processes}; exec {sys.executable} -m bulkput upload disk.img"
    probe = subprocess.run([*_AS_NOBODY, *_READING, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"cannot be another user here: {probe.stderr!r}")
    done = subprocess.run(
        [*_AS_NOBODY, *_READING, "bash", "-c", f"{program} --endpoint-url embedded"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.MACHINE, done.stderr
    assert "ulimit -u" in done.stderr
    assert "Traceback" not in done.stderr
