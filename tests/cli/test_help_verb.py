"""``bulkput help``: pages, commands, keys, and what is none of these."""

import os
import pty
import subprocess
import sys

import pytest
from support.manual import MANUAL, commands, page

from bulkput.config.describe import keys
from bulkput.config.environment import variables
from bulkput.config.explain import find_key

TOPICS = sorted(path.stem for path in MANUAL.glob("*.md"))


def test_without_a_word_it_lists_every_topic(bulkput):
    ended = bulkput("help")
    assert (ended.status, ended.err) == (0, "")
    for topic in TOPICS:
        title = page(topic).splitlines()[0].removeprefix("# ")
        assert f"- `{topic}`: {title}\n" in ended.out


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_is_markdown_in_a_pipe(bulkput, topic):
    ended = bulkput("help", topic)
    assert (ended.status, ended.out, ended.err) == (0, page(topic), "")


PAGES_OF_COMMANDS = {"bulkput emulator", "bulkput fleet"}
"""Commands and keys that have a page of the manual, which comes first."""


@pytest.mark.parametrize(
    "words", [words for words, _, _ in commands() if words not in {"bulkput", *PAGES_OF_COMMANDS}]
)
def test_a_command_shows_its_own_help(bulkput, words):
    (_, *names) = words.split()
    ended = bulkput("help", *names)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == bulkput(*names, "--help").out


def test_the_emulator_s_page_has_the_command_s_flags(bulkput):
    assert "| `--latency-ms MS` |" in bulkput("help", "emulator").out


@pytest.mark.parametrize(
    "key",
    [key for key in keys() if f"bulkput {key.path}" not in PAGES_OF_COMMANDS],
    ids=lambda key: key.path,
)
def test_every_key_is_explained_by_its_path(bulkput, key):
    ended = bulkput("help", key.path)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"# {key.path}\n\n{key.description}\n")
    assert f"- Type: {key.type_text}\n" in ended.out


def test_a_key_is_explained_with_all_that_sets_it(bulkput):
    assert bulkput("help", "volumes[].zeros").out.endswith(
        "\n\n- Type: `auto` or `write` or `skip-holes` or `skip`\n- Default: `auto`\n"
        "- Flag: `--zeros` of `bulkput upload`\n"
    )
    region = bulkput("help", "region").out
    assert "- Flag: `--region` of `bulkput run` and `bulkput upload`\n" in region
    assert "- Variable: `BULKPUT_REGION`\n" in region
    assert "- Required: yes\n" in bulkput("help", "version").out
    snapshot = bulkput("help", "volumes[].snapshot").out
    assert "- `volumes[].snapshot.kms_key_arn`: " in snapshot
    assert "Flag" not in bulkput("help", "volumes[].name").out  # an option of the library alone


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("volumes[0].zeros", "volumes[].zeros"),
        ("volumes.zeros", "volumes[].zeros"),
        ("zeros", "volumes[].zeros"),
        ("source.format", "volumes[].source.format"),
        ("window", "window"),
        ("memory_budget", "tuning.memory_budget"),
        ("name", "name"),
        ("BULKPUT_TUNING_WINDOW", "tuning.window"),
    ],
)
def test_a_key_is_found_by_what_people_call_it(name, path):
    assert find_key(name).path == path


def test_every_variable_leads_to_its_key():
    assert {name: find_key(name).path for name in variables()} == {
        name: key.path for name, key in variables().items()
    }


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("formatz", "formats"),
        ("emulatr", "emulator"),
        ("uplaod", "upload"),
        ("zerso", "volumes[].zeros"),
        ("volums.zeros", "volumes[].zeros"),
        ("config bogus", "config"),
        ("", ""),
        ("qqqqqqqq", ""),
        ("x" * 100_000, ""),
        ("formats emulator", "formats"),
    ],
)
def test_a_word_that_stands_for_nothing_is_a_sentence_with_the_nearest_names(bulkput, words, near):
    ended = bulkput("help", *(words.split() or [""]))
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"bulkput: error: No topic, command or key is called {words!r}.")
    assert len(ended.err.splitlines()) == 1
    assert near in ended.err.partition("The nearest: ")[2].split(". '")[0].split(", ")


def on_terminal(*words):
    """Return what the program writes to a terminal of 80 columns, with ``cat`` as the pager."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "PAGER": "cat", "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "bulkput", *words],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
    ) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux's word for the end
                break
            written += piece
    os.close(leader)
    assert process.returncode == 0
    return written.decode()


def test_a_terminal_shows_a_page_rendered():
    shown = on_terminal("help", "scripting")
    assert "Exit codes" in shown
    assert [mark for mark in ("## ", "<!--", "|---|", "](", "**") if mark in shown] == []


def test_a_link_to_a_page_is_a_command_on_a_terminal():
    shown = on_terminal("help", "commands")
    assert "bulkput help scripting" in shown
    assert "scripting.md" not in shown
