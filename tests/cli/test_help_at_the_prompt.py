"""What a person finds at the prompt: sections, examples, nearest names, versions."""

import platform
import shlex

import click
import pytest
from support.manual import commands

from bulkput import __version__
from bulkput.cli.command import Command, Group, nearest
from bulkput.cli.help_contents import COMMAND_SECTIONS, EXAMPLES, FLAG_SECTIONS, OTHER_FLAGS
from bulkput.cli.main import VERBS, cli, status_of

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


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_commands_help_is_in_sections_and_without_rows_that_say_nothing(words):
    command, context = EVERY_COMMAND[words]
    assert isinstance(command, (Command, Group))
    shown = command.get_help(context)
    empty = {argument.make_metavar(context) for argument in arguments_of(command)}
    assert not empty & {line.strip() for line in shown.splitlines()}
    for meaning, example in EXAMPLES.get(words, ()):
        assert f"  {meaning}:\n    {example}" in shown


def arguments_of(command):
    return [each for each in command.params if isinstance(each, click.Argument)]


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
        (["init", "iam/uplaod"], "There is no example 'iam/uplaod'. Did you mean iam/upload?"),
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
    assert "jinja2" in {name.lower() for name in facts}, "an extra of users"
    assert not facts.keys() & {"boto3", "moto", "ruff", "cfn-lint", "trustme"}, "of developers"


def test_verbose_alone_is_no_command(capsys):
    assert status_of(["--verbose"]) == 2
    assert "goes with --version" in capsys.readouterr().err


def test_help_lists_the_sections(capsys):
    shown = cli.get_help(ROOT_CONTEXT)
    for title, names in COMMAND_SECTIONS.items():
        assert f"\n{title}:\n" in shown
        assert all(f"  {name} " in shown for name in names)
