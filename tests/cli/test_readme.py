"""The README's commands, flags and exit codes are those of the program."""

import re
from pathlib import Path

import click
import pytest

from bulkput.cli.main import cli
from bulkput.model.exit_code import MEANINGS

README = Path(__file__).parents[2] / "README.md"
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def section(name):
    """Return what stands between the markers of ``name``."""
    text = README.read_text(encoding="utf-8")
    found = re.findall(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert len(found) == 1, f"README.md needs one pair of <!-- {name} --> markers"
    return found[0]


def flags_of_commands():
    """Return each command's words and the flags of its own."""
    flags = {}
    waiting = [("bulkput", cli)]
    while waiting:
        words, command = waiting.pop()
        flags[words] = {
            option
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        if isinstance(command, click.Group):
            context = click.Context(command)
            waiting += [
                (f"{words} {name}", command.get_command(context, name))
                for name in command.list_commands(context)
            ]
    return flags


def described():
    """Return each command that has a heading in the README, and the rows of its table."""
    parts = re.split(r"^### `(bulkput[a-z ]*).*`$", section("commands"), flags=re.MULTILINE)
    return dict(zip((words.strip() for words in parts[1::2]), parts[2::2], strict=True))


def flags_in_table(text):
    """Return the flags that begin a row."""
    return re.findall(r"^\| `(--[a-z-]+)", text, flags=re.MULTILINE)


def test_every_command_has_its_heading_and_no_other_has():
    assert sorted(described()) == sorted(flags_of_commands())


@pytest.mark.parametrize("words", flags_of_commands())
def test_every_flag_of_a_command_stands_in_its_table_once_and_no_other_does(words):
    rows = flags_in_table(described()[words])
    assert sorted(rows) == sorted(flags_of_commands()[words] - {"--help"})


def test_no_flag_is_mentioned_that_does_not_exist():
    known = set().union(*flags_of_commands().values()) | {"--help"}
    assert set(FLAG.findall(section("commands"))) <= known


def test_the_exit_codes_and_their_meanings_are_the_programs():
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section("exit-codes"), flags=re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == dict(MEANINGS)
    assert len(rows) == len(MEANINGS)


def test_signals_have_their_row():
    assert re.search(r"^\| 128 \+ N \| .*signal N", section("exit-codes"), flags=re.MULTILINE)
