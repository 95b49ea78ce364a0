"""`bulkput fleet host` with wrong flags: one sentence, and Ray is not started."""

import asyncio
import os
import signal
import sys
import threading
from socket import gethostname
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from virtual_time import run_virtual

from bulkput.cli.fleet_host import host
from bulkput.fleet import head, host_process
from bulkput.fleet import host as starting
from bulkput.model import parent
from bulkput.model.errors import TemporaryError, UsageError


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--head", "--address", "h:1"], "at most one of both"),
        *((["--head", "--port", port], "--port: expected") for port in ("0", "65536", "-1")),
        *((["--head", "--port", port], "Ray's own") for port in ("10001", "19999")),
        (["--head", "--label", "rack"], "expected KEY=VALUE"),
        (["--head", "--name", "a b"], "--name: "),
        *(
            (["--address", where], "--address: expected")
            for where in ("h", "h:x", "h:99999", "ray://h:1")
        ),
    ],
)
def test_wrong_flags_are_refused(monkeypatch, arguments, expected):
    monkeypatch.setattr("bulkput.fleet.host.become_host", lambda *_: pytest.fail("was started"))
    error = CliRunner().invoke(host, arguments).exception
    assert isinstance(error, UsageError)
    assert expected in str(error)


@pytest.fixture
def own_signals():
    """Put handlers of signals back after the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("signals", "is_started", "code", "expected"),
    [
        ([], True, 0, 0),
        ([], True, 1, 1),
        ([signal.SIGTERM], True, 1, 143),
        ([signal.SIGINT], True, 1, 130),
        ([signal.SIGINT, signal.SIGTERM], True, 1, 130),
        ([signal.SIGINT], False, 1, 130),
    ],
)
def test_a_host_that_was_asked_to_end_ends_as_by_sigterm_with_its_own_code(
    monkeypatch, own_signals, signals, is_started, code, expected
):
    """Ray's code is 1, whatever ended it, and what it does in order it does after SIGTERM."""

    def start():
        if is_started:
            signal.signal(signal.SIGTERM, lambda number, _: ended_by.append(number))
        for number in signals:
            signal.raise_signal(number)
        sys.exit(code)

    ended_by = []
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asked = threading.Event()
    monkeypatch.setattr(host_process, "end_volumes", asked.set)

    monkeypatch.setattr(sys, "argv", ["host_process", "start"])
    monkeypatch.setattr(host_process, "import_module", lambda _: SimpleNamespace(main=start))
    with pytest.raises(SystemExit) as ended:
        host_process.main()
    assert ended_by == [signal.SIGTERM] * len(signals) * is_started
    assert (ended.value.code or 0) == expected
    assert asked.is_set() == bool(signals), "the volumes are asked to end"


def test_the_volumes_of_a_host_and_nothing_else_are_asked_to_end(monkeypatch, tmp_path):
    monkeypatch.setattr(host_process, "descendants", lambda _: [1, 2, 3])
    monkeypatch.setattr(host_process, "Path", lambda path: tmp_path / path.replace("/", "-"))
    commands = {1: b"python\0-m\0bulkput.fleet.volume_process\0009", 2: b"ray::IDLE"}
    for pid, command in commands.items():
        (tmp_path / f"-proc-{pid}-cmdline").write_bytes(command)
    killed = []
    monkeypatch.setattr(host_process.os, "kill", lambda *what: killed.append(what))
    host_process.end_volumes()
    assert killed == [(1, signal.SIGTERM)]


def test_a_thread_that_has_ended_hides_no_process_of_another(monkeypatch, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "children").write_text("77 ")
    tasks = {5: [tmp_path / "ended", tmp_path / "there"]}
    monkeypatch.setattr(parent, "_tasks", lambda pid: tasks.get(pid, []))
    assert parent.descendants(5) == [77]


@pytest.mark.parametrize("port", ["1", "6379", "10000", "20000", "65535"])
def test_other_ports_are_taken(monkeypatch, port):
    started = []
    monkeypatch.setattr(
        "bulkput.fleet.host.become_host", lambda command, *_: started.append(command)
    )
    ended = CliRunner().invoke(host, ["--head", "--port", port])
    assert ended.exit_code == 0
    assert f"--port={port}" in started[0]
    assert f"bulkput fleet host --address {gethostname()}:{port}, not ray" in ended.output


@pytest.mark.parametrize("address", [None, "h:1"])
def test_a_host_begins_when_its_head_takes_it_and_imports_nothing_of_its_folder(
    monkeypatch, address
):
    done = []

    def note(name):
        return lambda *given: done.append((name, *given))

    async def wait(*given):
        done.append(("wait", given[0]))

    for name in ("load_ray", "require_token", "require_admission"):
        monkeypatch.setattr(starting, name, note(name))
    monkeypatch.setattr(starting, "wait_for_head", wait)
    monkeypatch.setattr(starting.os, "umask", note("umask"))
    monkeypatch.setattr(starting.os, "execve", note("execve"))
    command = starting.host_command(address, "b", {"rack": "7"})
    starting.become_host(command, address, print)
    asked = [("wait", address), ("require_admission", address)] if address else []
    *before, (_, program, arguments, environ) = done
    assert before == [("load_ray",), ("require_token", os.environ), *asked, ("umask", 0o077)]
    assert (program, arguments) == (sys.executable, command)
    assert {"PYTHONSAFEPATH": "1", "RAY_AUTH_MODE": "token"}.items() <= environ.items()
    assert "--labels=rack=7,bulkput-host=b" in command
    assert (f"--address={address}" in command) == (address is not None) == ("--head" not in command)


@pytest.mark.parametrize("answers_after_s", [0, head.REACH_LIMIT_S])
@pytest.mark.parametrize(("comes_after", "fails"), [(0, False), (3, False), (10_000, True)])
def test_a_host_waits_for_its_head_and_not_for_ever(
    monkeypatch, comes_after, fails, answers_after_s
):
    looks, reported = iter(range(20_000)), []

    async def unreachable(_):
        await asyncio.sleep(answers_after_s)
        return None if next(looks) >= comes_after else "connection refused"

    async def live():
        began_s = asyncio.get_running_loop().time()
        if not fails:
            await head.wait_for_head("h:1", reported.append)
            assert next(looks) == comes_after + 1
            return
        with pytest.raises(TemporaryError, match="did not come within 5 minutes: connection"):
            await head.wait_for_head("h:1", reported.append)
        waited_s = asyncio.get_running_loop().time() - began_s
        assert 0 <= waited_s - head.WAIT_S < answers_after_s + 2.1

    monkeypatch.setattr(head, "unreachable", unreachable)
    run_virtual(live())
    assert len(reported) == (comes_after > 0)
