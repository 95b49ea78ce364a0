"""What a person finds at the prompt: sections, examples, nearest names, completion, versions."""

import os
import platform
import shlex
import shutil
import subprocess
import sys

import click
import pytest
from support.manual import ROOT, commands

from bulkput import __version__
from bulkput.cli.command import nearest
from bulkput.cli.completion import QUESTION, SHELLS, answer_shell, script, whole_words
from bulkput.cli.help_contents import COMMAND_SECTIONS, EXAMPLES, FLAG_SECTIONS, OTHER_FLAGS
from bulkput.cli.main import VERBS, cli, status_of
from bulkput.jobs.state.job_record import JobRecord

ROOT_CONTEXT = click.Context(cli, info_name="bulkput", **cli.context_settings)
"""click keeps a command's help flags as the first context has them: each needs this parent."""
EVERY_COMMAND = {
    words.partition(" ")[2]: (command, context) for words, command, context in commands()
}


def test_every_command_is_in_one_section():
    listed = [name for names in COMMAND_SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(VERBS)


def test_a_flag_is_in_one_section_and_exists():
    listed = [flag for flags in FLAG_SECTIONS.values() for flag in flags]
    assert len(listed) == len(set(listed))
    existing = {
        flag
        for command, _ in EVERY_COMMAND.values()
        for option in command.params
        for flag in option.opts
    }
    assert set(listed) <= existing


def test_what_takes_a_volumes_flags_has_few_without_a_section():
    for words in ("upload", "run", "copy"):
        command, _ = EVERY_COMMAND[words]
        sections = [flags for name, flags in FLAG_SECTIONS.items() if name != OTHER_FLAGS]
        rest = [
            option.opts[0]
            for option in command.params
            if isinstance(option, click.Option)
            and not any(option.opts[0] in flags for flags in sections)
        ]
        assert len(rest) <= 6, (words, rest)


def test_every_command_has_examples():
    without = {
        words
        for words, (command, _) in EVERY_COMMAND.items()
        if not isinstance(command, click.Group) and words not in EXAMPLES
    }
    assert without == set()


@pytest.mark.parametrize(
    ("words", "example"),
    [(words, example) for words, listed in EXAMPLES.items() for _, example in listed],
)
def test_an_example_is_a_command_that_is_understood(words, example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = example.partition("$(")[2].rstrip(')"') if "$(" in example else example
    args = shlex.split(call.rpartition(" | ")[2].partition(" > ")[0])
    assert args.pop(0) == "bulkput"
    assert " ".join(args).startswith(words)
    command, _ = EVERY_COMMAND[words]
    rest = args[len(words.split()) :]
    made = command.make_context(words, rest, parent=ROOT_CONTEXT, resilient_parsing=True)
    assert not made.args
    given = {arg.partition("=")[0] for arg in rest if arg.startswith("--")}
    assert given <= {flag for option in command.params for flag in option.opts}


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_help_has_the_width_of_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert status_of(["upload", "--help"]) == 0
    shown = capsys.readouterr().out
    prose = shown.partition("\nExamples:")[0].splitlines()
    assert max(map(len, prose)) <= min(columns, 100)
    assert max(map(len, prose)) > min(columns, 100) - 20
    assert shown.index("\nThe snapshot:") < shown.index("\nThe service:") < shown.index("Examples:")


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        (["uplaod"], "No such command 'uplaod'. Did you mean upload?"),
        (["ledger", "shwo", "x"], "No such command 'shwo'. Did you mean show?"),
        (["config", "chekc", "x"], "No such command 'chekc'. Did you mean check?"),
        (["qqqq"], "No such command 'qqqq'. Try"),
        (["upload", "disk", "--encryptd"], "'--encrypted'"),
        (["u" * 100_000], "No such command"),
        (["help", "incremets"], "The nearest: increments."),
    ],
)
def test_the_nearest_name_to_a_mistyped_one(args, advice, capsys):
    assert status_of(args) == 2
    assert advice in capsys.readouterr().err


def test_transposed_letters_are_near_and_others_are_not():
    assert nearest("verfiy", list(VERBS)) == ["verify"]
    assert nearest("upload", ["plan"]) == []


def test_versions(capsys):
    for flag in ("-V", "--version"):
        assert status_of([flag]) == 0
        assert capsys.readouterr().out == f"bulkput {__version__}\n"


@pytest.mark.parametrize("args", [["--version", "--verbose"], ["--verbose", "-V"]])
def test_what_a_report_of_a_bug_needs(args, capsys, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted/secret/of/forty/characters/12345")
    assert status_of(args) == 0
    shown = capsys.readouterr().out
    facts = {line[:18].strip(): line[18:] for line in shown.splitlines()[1:]}
    assert facts["python"] == f"CPython {platform.python_version()}"
    assert platform.release() in facts["system"]
    for name in ("processor", "cores", "openssl", "aiohttp", "botocore", "numpy", "uvloop"):
        assert facts[name], name
    assert "planted" not in shown


def test_verbose_alone_is_no_command(capsys):
    assert status_of(["--verbose"]) == 2
    assert "goes with --version" in capsys.readouterr().err


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


def test_help_lists_the_sections(capsys):
    shown = cli.get_help(ROOT_CONTEXT)
    for title, names in COMMAND_SECTIONS.items():
        assert f"\n{title}:\n" in shown
        assert all(f"  {name} " in shown for name in names)
