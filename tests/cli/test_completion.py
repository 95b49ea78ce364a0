"""What each shell offers: commands, flags, values, and what the state folder knows."""

import os
import shutil
import subprocess
import sys

import click
import pytest
from support.manual import ROOT, commands

from bulkput.cli.completion import QUESTION, SHELLS, answer_shell, script
from bulkput.cli.main import cli, status_of
from bulkput.cli.shells import whole_words
from bulkput.jobs.state.job_record import JobRecord

ROOT_CONTEXT = click.Context(cli, info_name="bulkput", **cli.context_settings)
EVERY_COMMAND = {
    words.partition(" ")[2]: (command, context) for words, command, context in commands()
}


def completed(words, environ=()):
    """Return what a shell would be offered for the last of ``words``."""
    environment = {
        **os.environ,
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        QUESTION: "bash_complete",
        **dict(environ),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "bulkput"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def test_commands_and_examples_are_completed():
    assert completed(["bulkput", "dow"]) == ["plain,download"]


def answered(shell, words, monkeypatch, capsys):
    """Return what the program answers to a shell that asks for the last of ``words``."""
    monkeypatch.setenv(QUESTION, f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
    with pytest.raises(SystemExit):
        answer_shell(cli)
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["upload", "--format", "qc"], ["plain,qcow2"]),
        (["upload", "--format", "=", "qc"], ["plain,qcow2"]),
        (["run", "--on-error", "="], ["plain,continue", "plain,stop"]),
        (["run", "--set", "a", "=", "b", "--on-error", "c"], ["plain,continue"]),
        (["run", "--endpoint-url", "http", ":", "//h", "--on-error", "c"], ["plain,continue"]),
        (["init", "systemd/bulkput", "@", ".t"], ["plain,@.timer"]),
        (["init", "systemd/bulkput", "@"], ["plain,@.service", "plain,@.timer"]),
        (["run", "--shard", "auto", "--on-error", "c"], ["plain,continue"]),
        (["image", "re"], ["plain,register"]),
        (["store", "ls", "--state-s"], ["plain,--state-store"]),
    ],
)
def test_bash_is_answered_with_what_it_replaces(words, answer, monkeypatch, capsys):
    assert answered("bash", ["bulkput", *words], monkeypatch, capsys) == answer


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_with_whole_words(shell, monkeypatch, capsys):
    words = ["bulkput", "upload", "--format=qc"]
    shown = answered(shell, words, monkeypatch, capsys)
    assert shown[:2] == (
        ["plain", "--format=qcow2"] if shell == "zsh" else ["plain,--format=qcow2"]
    )


def test_words_that_bash_broke_are_joined():
    broken = ["--tag", "a", "=", "b", "s3", ":", "//x", "c"]
    assert whole_words(broken) == ["--tag", "a=b", "s3://x", "c"]
    assert whole_words(["=", "x"]) == ["=x"]
    assert whole_words([]) == []


@pytest.fixture
def words_of(tmp_path, monkeypatch):
    """Ask for the words of a command's argument, with a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state_dir = tmp_path / "bulkput"
    (state_dir / "manifests").mkdir(parents=True)
    (state_dir / "manifests" / "snap-0123456789abcdef0.manifest").touch()

    def ask(words, incomplete):
        command, _ = EVERY_COMMAND[words]
        argument = next(each for each in command.params if isinstance(each, click.Argument))
        made = command.make_context(words, [], parent=ROOT_CONTEXT, resilient_parsing=True)
        return [item.value for item in argument.shell_complete(made, incomplete) if item.value]

    return ask


@pytest.mark.parametrize(
    "words", ["download", "copy", "verify", "manifest show", "diff", "image register"]
)
def test_snapshots_with_a_manifest_are_completed(words, words_of):
    assert "snap-0123456789abcdef0" in words_of(words, "snap-0")
    assert "snap-0123456789abcdef0" not in words_of(words, "snap-1")


def test_jobs_are_completed(words_of, monkeypatch):
    record = JobRecord(
        name="nightly", job_id="x", file="/jobs/n.yaml", date="", begun_unix_s=0, updated_unix_s=0
    )
    monkeypatch.setattr("bulkput.api.status.read_records", lambda _: [record])
    assert words_of("status", "nig") == ["nig", "nightly"], "bash drops what is before the paths"


def test_series_are_completed(words_of, tmp_path, monkeypatch):
    kept = ROOT / "tests/ledger/kept/state/series"
    for path in (kept, *kept.rglob("*")):
        copy = tmp_path / "bulkput/series" / path.relative_to(kept)
        if path.is_dir():
            copy.mkdir(mode=0o700)
        else:
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o600)
    (tmp_path / "bulkput").chmod(0o700)
    command, _ = EVERY_COMMAND["upload"]
    option = next(each for each in command.params if each.name == "series")
    made = command.make_context("upload", [], parent=ROOT_CONTEXT, resilient_parsing=True)
    assert [item.value for item in option.shell_complete(made, "n")] == ["nightly"]


def test_topics_and_examples_are_completed(words_of):
    assert "increments" in words_of("help", "inc")
    assert "iam/upload" in words_of("init", "iam/u")


def test_a_state_folder_that_cannot_be_read_has_no_words(words_of, monkeypatch):
    monkeypatch.setattr("bulkput.api.status.read_unfinished", lambda _: 1 / 0)
    assert words_of("abort", "") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_takes(shell, tmp_path):
    path = tmp_path / "script"
    path.write_text(script(shell))
    assert QUESTION in path.read_text()
    found = shutil.which(shell)
    if found:
        subprocess.run([found, "-n", path], check=True, timeout=30)


def test_the_shell_is_reported_by_name(capsys):
    assert status_of(["completion", "bash"]) == 0
    assert capsys.readouterr().out == script("bash")
    assert status_of(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
