"""Verbs with as few open files as some machines allow: done, or a sentence, and then resumed."""

import json
import subprocess
import sys

import pytest
from support.served import BLOCK

from bulkput.model.exit_code import ExitCode


@pytest.fixture
def bulkput(tmp_path):
    """Return how to run a command line in a process that may open so many files."""

    def run(*words, files=None):
        limit = "" if files is None else f"ulimit -n {files}; "
        command = f'{limit}exec {sys.executable} -m bulkput "$@"'
        return subprocess.run(
            ["bash", "-c", command, "bulkput", *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def job(account, image, tmp_path):
    """Return a job of four volumes at once."""
    volumes = "".join(f"  - source: {image(f'few-{n}.img')}\n" for n in range(4))
    path = tmp_path / "job.yaml"
    path.write_text(
        f"version: 1\nregion: us-east-1\nendpoint: {account.url}\nstate_dir: state\nparallel: 4\n"
        f"tuning: {{window: {BLOCK}}}\nvolumes:\n{volumes}"
    )
    return path


def test_four_volumes_go_up_at_once_with_256_open_files(bulkput, job):
    done = bulkput("run", job, files=256)
    assert done.returncode == 0, done.stderr


VERBS = ("upload", "run", "download", "verify")
FILES = (16, 24, 32, 48, 64, 128, 256)


@pytest.mark.parametrize(
    ("verb", "files"),
    [
        pytest.param(
            verb, files, marks=() if files == 32 and verb != "verify" else pytest.mark.long
        )
        for verb in VERBS
        for files in FILES
    ],
)
def test_a_limit_is_done_with_or_named_and_the_next_run_resumes(
    verb, files, bulkput, job, image, account, tmp_path
):
    source = image("one.img", blocks=6)
    service = ("--endpoint-url", account.url, "--region", "us-east-1", "--state-dir", "state")
    if verb in {"download", "verify"}:
        made = json.loads(bulkput("upload", source, *service, "--output", "json").stdout)
        snapshot_id = made["snapshot_id"]
    words = {
        "upload": lambda: ("upload", source, *service),
        "run": lambda: ("run", job),
        "download": lambda: ("download", snapshot_id, tmp_path / "back.img", *service),
        "verify": lambda: ("verify", snapshot_id, "--source", source, *service),
    }[verb]()
    limited = bulkput(*words, files=files)
    # A job of several volumes that all failed has the code of that.
    failed = ExitCode.SOME_VOLUMES_FAILED if verb == "run" else ExitCode.MACHINE
    assert limited.returncode in {0, failed}, limited.stderr
    assert "Traceback" not in limited.stderr
    assert "defect" not in limited.stderr
    if limited.returncode:
        assert "ulimit -n" in limited.stderr
        done = bulkput(*words)
        assert done.returncode == 0, done.stderr
    if verb == "download":
        assert (tmp_path / "back.img").read_bytes()[: 6 * BLOCK] == source.read_bytes()
