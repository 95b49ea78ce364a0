"""The program as a process: pipes that close, disks that are full, and how fast it answers."""

import os
import resource
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

BULKPUT = [sys.executable, "-m", "bulkput"]

HELP_S = 0.25
"""What ``--help`` may take; about 0.06 s were measured, the best of five counts."""

FAKE_JOB = """
import os, sys
from bulkput.cli import main, outcomes
from bulkput.model.outcome import VolumeOutcome

def run(settings, verbosity):
    status = int(os.environ["FAKE_STATUS"])
    return (VolumeOutcome("web", "/x", "completed", snapshot_id="snap-1", exit_code=status),)

outcomes._run = run
main.main(["upload", "/x", "--output", "json"])
"""


@pytest.fixture(autouse=True)
def _buffered(monkeypatch):
    """Let Python buffer stdout as it does for users: what is left at exit must not fail."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def ended(command, **options):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_answers_at_once():
    times_s = []
    for _ in range(5):
        before_s = children_cpu_s()
        assert ended([*BULKPUT, "--help"]).returncode == 0
        times_s.append(children_cpu_s() - before_s)
    assert min(times_s) < HELP_S


def children_cpu_s():
    """Return the processor time of ended children, which a busy machine does not change."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("words", ["--help", "run --help", "upload --help", "config --help"])
def test_help_imports_nothing_heavy(words):
    program = (
        "import sys\n"
        "from bulkput.cli.main import status_of\n"
        "assert status_of(sys.argv[1:]) == 0\n"
        "heavy = {'aiohttp', 'aiobotocore', 'numpy', 'pydantic', 'rich', 'ruamel.yaml', 'uvloop'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    result = ended([sys.executable, "-c", program, *words.split()])
    assert (result.returncode, result.stderr) == (0, "")


def test_a_bad_input_ends_with_its_code_and_no_traceback(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"version: 1\nversion: \xff\x00\n")
    for arguments, status in (
        (["run", tmp_path / "missing.yaml"], 3),
        (["run", bad], 3),
        (["config", "check", bad], 3),
        (["upload"], 2),
    ):
        result = ended([*BULKPUT, *arguments])
        assert result.returncode == status
        assert result.stdout == ""
        assert result.stderr.startswith("bulkput: error: ")
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("job_status", "status"), [(0, 128 + signal.SIGPIPE), (5, 5)])
def test_a_reader_that_left_costs_no_traceback_and_hides_no_failure(job_status, status):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-c", FAKE_JOB],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "FAKE_STATUS": str(job_status)},
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert process.returncode == status
    assert "Traceback" not in process.stderr
    assert "BrokenPipe" not in process.stderr


def test_help_into_a_closed_pipe_ends_as_other_programs_do():
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [*BULKPUT, "--help"], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(("job_status", "status"), [(0, 10), (6, 6)])
def test_a_full_disk_below_stdout_is_reported_in_one_sentence(job_status, status):
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [sys.executable, "-c", FAKE_JOB],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "FAKE_STATUS": str(job_status)},
            text=True,
            timeout=60,
            check=False,
        )
    assert process.returncode == status
    assert process.stderr.endswith(
        "bulkput: error: the result cannot be written to stdout: No space left on device. "
        "When that is mended, run the same command again\n"
    )
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_do_not_stop_a_job(redirection):
    shell = f'exec "$0" -c "$1" {redirection}'
    result = ended(
        ["sh", "-c", shell, sys.executable, FAKE_JOB], env={**os.environ, "FAKE_STATUS": "0"}
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    if redirection == "2>&-":
        assert '"snapshot_id": "snap-1"' in result.stdout


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_stream_that_is_closed_from_the_start_breaks_nothing(tmp_path, number):
    image = tmp_path / "disk.img"
    image.write_bytes(b"x")
    job = tmp_path / "job.yaml"
    volume = f"{{source: {image}}}"
    job.write_text(f"version: 1\nendpoint: embedded\nstate_dir: s\nvolumes: [{volume}]\n")
    result = ended([*BULKPUT, "run", job], preexec_fn=lambda: os.close(number))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("snap-") == (number != 1)
    assert ("completed" in result.stderr) == (number != 2)


def test_nohup_lets_a_job_outlive_its_terminal():
    program = """
import asyncio, os, signal
from bulkput.jobs.process.event_loop import run_in_loop

async def main():
    os.kill(os.getpid(), signal.SIGHUP)
    for _ in range(1000):
        await asyncio.sleep(0)
    return "went on"

print(run_in_loop(main))
"""
    command = [sys.executable, "-c", program]
    ignoring = ended(command, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert (ignoring.returncode, ignoring.stdout) == (0, "went on\n")
    hearing = ended(command, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    assert hearing.returncode != 0
    assert "InterruptedBySignal" in hearing.stderr


def test_every_signal_that_asks_for_the_end_ends_a_run_in_order():
    """Also those by which batch systems warn before they kill."""
    program = """
import asyncio, os, signal
from bulkput.jobs.process.event_loop import run_in_loop
from bulkput.model.interruption import InterruptedBySignal

async def main(number):
    os.kill(os.getpid(), number)
    await asyncio.sleep(30)

for name in "INT TERM HUP QUIT USR1 USR2 XCPU ALRM".split():
    try:
        run_in_loop(lambda: main(signal.Signals["SIG" + name]))
    except InterruptedBySignal as error:
        print(name, error)
"""
    result = ended([sys.executable, "-c", program])
    assert result.returncode == 0, result.stderr
    names = ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "XCPU", "ALRM"]
    assert result.stdout.splitlines() == [f"{name} stopped by SIG{name}" for name in names]


INTERRUPTED = """
import os, signal, sys
def interrupt(*_, **more):
    os.kill(os.getpid(), signal.SIGINT)
"""
"""As by Ctrl-C."""


@pytest.mark.parametrize(
    ("planted", "status"),
    [
        pytest.param(
            "sys.meta_path.insert(0, type('', (), {'find_spec': interrupt}))", -2, id="import"
        ),
        pytest.param("import atexit; atexit.register(interrupt)", -2, id="exit"),
        pytest.param(
            "from bulkput.cli import main as command_line\n"
            "command_line.cli.invoke = command_line.write_message = interrupt",
            130,
            id="again while it is reported",
        ),
        pytest.param(
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "from bulkput.cli import main as command_line\n"
            "command_line.cli.invoke = interrupt",
            0,
            id="in the background",
        ),
    ],
)
def test_ctrl_c_shows_no_traceback_before_the_work_nor_behind_it(planted, status):
    program = f"from bulkput.__main__ import main\n{INTERRUPTED}\n{planted}\nmain()"
    command = [sys.executable, "-c", program, "help"]
    result = ended(command)
    assert (result.returncode, result.stderr) == (status, "")


IN_AN_IMPORT = """
import sys, weakref
from pathlib import Path
Path("dropped.py").write_text('''
import os, signal, weakref
weakref.finalize(type("Gone", (), {})(), os.kill, os.getpid(), signal.SIGINT)
''')
Path("wrapped.py").write_text('''
import os, signal
Field = type("Field", (), {"__set_name__": lambda *_: os.kill(os.getpid(), signal.SIGINT)})
class Settings:
    field = Field()
''')
from bulkput.cli import main as command_line
command_line.cli.invoke = lambda _: __import__(sys.argv.pop())
from bulkput.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["dropped", "wrapped"])
def test_ctrl_c_within_an_import_is_neither_lost_nor_taken_for_a_defect(tmp_path, module):
    result = ended([sys.executable, "-c", IN_AN_IMPORT, "help", module], cwd=tmp_path)
    assert (result.returncode, result.stderr) == (130, "bulkput: error: stopped by SIGINT\n")


def test_the_command_and_the_module_are_one_program():
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    assert project["project"]["scripts"]["bulkput"] == "bulkput.__main__:main"
