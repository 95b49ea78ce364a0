"""Programs that list the volumes of a job: allowed, bounded, and gone when the job is."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bulkput.config.command import CommandError, output_of
from bulkput.config.document import Document
from bulkput.config.expansion import Inputs
from bulkput.config.load import build
from bulkput.model.errors import ConfigError


def test_a_program_is_run_only_if_that_is_allowed(tmp_path):
    def volumes(*command, allow=True):
        data = {"version": 1, "volumes_from": {"command": list(command)}}
        inputs = Inputs(allow_command=allow)
        return build(Document(None, data=data), [], environ={}, inputs=inputs).settings.volumes

    (volume,) = volumes("echo", '{"source": "a.img"}')
    assert volume.label == "a.img"
    for command, allow, message in [
        (("echo", "{}"), False, "only with --allow-command"),
        (("false",), True, "ended with code 1"),
        (("no-program-of-this-name",), True, "cannot be run: No such file"),
        (("true",), True, "brings no volume"),
        (("echo", '{"zeros": 1}'), True, "output of command row 1: source: is required"),
    ]:
        with pytest.raises(ConfigError, match=message):
            volumes(*command, allow=allow)


def test_a_program_is_bounded_in_time_and_output_and_leaves_nothing(tmp_path, monkeypatch):
    def refused(script):
        with pytest.raises(CommandError) as caught:
            output_of(("sh", "-c", script), tmp_path, limit_bytes=1 << 20)
        return str(caught.value)

    def running():
        return [pid for pid in map(int, (tmp_path / "pids").read_text().split()) if is_alive(pid)]

    def is_alive(pid):
        with suppress(FileNotFoundError):
            return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        return False

    began = "sleep 60 & echo $! $$ > pids; "
    assert refused(began + "yes") == "the program wrote more than 1 MiB"
    monkeypatch.setattr("bulkput.config.command.COMMAND_LIMIT_S", 0.2)
    assert refused(began + "wait") == "the program did not end within 0 s"
    assert refused(began + "exec >&-; wait") == "the program did not end within 0 s"
    end_s = time.monotonic() + 10
    while running() and time.monotonic() < end_s:  # a killed process is gone in a moment
        time.sleep(0.01)
    assert running() == []
    assert refused("exit 3") == "the program ended with code 3"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_alone_ends_the_program_too(tmp_path, number):
    script = f"sleep 60 & kill -{number:d} $PPID; wait"
    code = (
        f"import signal; signal.signal({number:d}, signal.SIG_DFL)\n"  # nohup's is ignored
        "from pathlib import Path\nfrom bulkput.config.command import output_of\n"
        f"output_of(('sh', '-c', {script!r}), Path({str(tmp_path)!r}), limit_bytes=9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == -number  # and its pipes were closed: nobody holds them


def test_a_signal_that_comes_while_the_program_is_started_ends_it_too(tmp_path):
    code = (
        "import os, signal, subprocess, time\nfrom pathlib import Path\n"
        "from bulkput.config.command import output_of\n"
        "class Slow(subprocess.Popen):\n"
        "    def __init__(self, *args, **more):\n"
        "        super().__init__(*args, **more)\n"
        "        time.sleep(0.2)\n"  # by now the program has a process of its own
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "subprocess.Popen = Slow\n"
        f"output_of(('sh', '-c', 'sleep 60 & wait'), Path({str(tmp_path)!r}), limit_bytes=9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == -signal.SIGTERM
