"""The command line itself: help, version, mistakes."""

import os

import click
import pytest

from bulkput import __version__
from bulkput.cli.main import VERBS, cli


def commands():
    """Yield every command with its words, groups included."""
    waiting = [("bulkput", cli)]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            waiting += [
                (f"{words} {name}", command.get_command(context, name))
                for name in command.list_commands(context)
            ]


def test_the_version_is_reported(bulkput):
    assert bulkput("--version").out == f"bulkput {__version__}\n"


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_command_has_help_and_every_flag_a_meaning(bulkput, words):
    ended = bulkput(*words.split()[1:], "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: {words}")
    assert bulkput(*words.split()[1:], "-h").out == ended.out
    command = dict(commands())[words]
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name


def test_the_list_of_verbs_says_what_their_own_help_says():
    for name, help_text in VERBS.items():
        command = dict(commands())[f"bulkput {name}"]
        assert command.get_short_help_str(limit=200) == help_text


@pytest.mark.parametrize("words", ["", "config"])
def test_a_group_without_a_command_shows_its_help_as_a_mistake(bulkput, words):
    ended = bulkput(*words.split())
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("Usage: bulkput")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nope", "No such command 'nope'"),
        ("run", "Missing argument 'CONFIG'"),
        ("upload", "Missing argument 'SOURCE'"),
        ("upload a b", "unexpected extra argument"),
        ("upload a --bogus", "No such option"),
        ("upload a --zeros=maybe", "'maybe' is not one of"),
        ("upload a --timeout-min=x", "'x' is not a valid integer"),
        ("upload a --processes=x", "'--processes': expected auto or a whole number, not 'x'"),
        ("upload a --output=xml", "'xml' is not one of"),
        ("run a --quiet --verbose", "--quiet and --verbose exclude each other"),
        ("upload a --verbose --quiet", "--quiet and --verbose exclude each other"),
        ("upload --state-dir= a", "'--state-dir': expected a path, not an empty value"),
        ("upload a --config=", "'--config': expected a path, not an empty value"),
        ("jobs --state-dir=", "'--state-dir': expected a path, not an empty value"),
        ("emulator --root=", "'--root': expected a path, not an empty value"),
        ("emulator --latency-ms=nan", "'nan' is not a number"),
        ("emulator --puts-per-s-snapshot=inf", "inf is not in the range"),
        ("emulator --port=70000", "70000"),
        ("emulator --tls-cert=/etc/passwd", "--tls-cert and --tls-key go together"),
        ("emulator --secret-key=abc", "--access-key and --secret-key go together"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(bulkput, words, message):
    ended = bulkput(*words.split())
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("bulkput: error: ")
    assert ended.err.count("\n") == 1
    assert message in ended.err
    assert "--help'." in ended.err


def test_a_wait_for_nothing_is_a_mistake(bulkput):
    ended = bulkput("upload", "a", "--fast-restore-wait")
    assert (ended.status, ended.out) == (2, "")
    assert "--fast-restore-wait: needs --fast-restore ZONE" in ended.err
    ended = bulkput("upload", "a", "--fast-restore-wait", "--fast-restore", "eu-west-1a")
    assert "--fast-restore-wait" not in ended.err
    assert ended.status != 2


def test_what_is_typed_cannot_steer_the_terminal(bulkput):
    for typed in (["\x1b[2J"], ["run", "a", "\x1b[2J"], ["run", "--\x1b[2J", "a"]):
        ended = bulkput(*typed)
        assert ended.status == 2
        assert "\x1b" not in ended.err


def test_a_path_that_cannot_be_read_is_no_mistake_of_the_command_line(
    bulkput, tmp_path, monkeypatch
):
    (tmp_path / "job.yaml").write_text("version: 1\nvolumes: []\n")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert bulkput("config", "check", "job.yaml").status == 3
