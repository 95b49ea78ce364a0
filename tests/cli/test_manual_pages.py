"""README and manual have the program's commands, flags and codes, and lead nowhere wrong."""

import re

import pytest
from support.manual import (
    MANUAL,
    PAGES,
    REGENERATE,
    ROOT,
    commands,
    flags,
    generate,
    page,
    parts,
    regenerated,
)

from bulkput.model.outcome import VolumeOutcome
from bulkput.observe.result import job_object

COMMANDS = {words: command for words, command, _ in commands()}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
OF_OTHERS = {
    *("--no-check", "--check", "--aws-sigv4", "--user"),
    *("--require-hashes", "--no-deps"),
    *("--console-script", "--extend-pythonpath", "--compressed", "--reproducible"),
    *("--python", "--output-file"),
    *("--instance-id", "--http-put-response-hop-limit", "--query", "--volume-id", "--throughput"),
}
"""Flags of programs that the manual mentions: zstd, xz, curl, pip, shiv, the AWS CLI."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_generated_is_what_the_program_has(path):
    text = path.read_text(encoding="utf-8")
    assert regenerated(text) == text, REGENERATE
    assert text.count("<!-- generated: ") == text.count("<!-- /generated -->") == len(parts(text))


def test_every_command_has_its_heading_once_and_its_table_of_flags():
    text = page("commands")
    headings = re.findall(r"^## `(bulkput[a-z -]*)", text, flags=re.MULTILINE)
    assert sorted(words.strip() for words in headings) == sorted(COMMANDS)
    with_flags = {words for words, command in COMMANDS.items() if flags(command)}
    assert set(parts(text)) == {f"flags {words}" for words in with_flags}


@pytest.mark.parametrize("words", COMMANDS)
def test_every_flag_of_a_command_stands_in_its_table_once_and_no_other_does(words):
    firsts = re.findall(r"^\| `(-.+?)`", generate(f"flags {words}"), flags=re.MULTILINE)
    assert sorted(FLAG.findall(" ".join(firsts))) == sorted(
        flags(COMMANDS[words]) - {"--help", "-V"}
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_flag_is_mentioned_that_does_not_exist(path):
    known = set().union(*map(flags, COMMANDS.values())) | {"--help"} | OF_OTHERS
    text = re.sub(r"coldsnap \|.*|`--omit-zero-blocks`", "", path.read_text(encoding="utf-8"))
    assert set(FLAG.findall(text)) <= known


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_link_leads_to_a_file_of_the_repository(path):
    targets = [
        target for target in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in target
    ]
    assert [target for target in targets if not (path.parent / target).exists()] == []
    outside = [
        target
        for target in targets
        if path.parent == MANUAL
        and not (path.parent / target).resolve().is_relative_to(MANUAL.parent)
    ]
    assert outside == [], "the manual ships without what is not in the package"


def test_every_key_of_a_volume_s_json_object_is_described():
    section = page("scripting").split("### `bulkput upload`")[1].split("### ")[0]
    outcome = VolumeOutcome(volume="web", source="/x", status="completed")
    described = set(re.findall(r"`([a-z_]+)`", section))
    assert set(job_object([outcome], elapsed_s=1.0)) <= described
    assert set(outcome.as_dict()) <= described


def test_the_manual_begins_each_page_with_its_title():
    assert all(path.read_text(encoding="utf-8").startswith("# ") for path in MANUAL.glob("*.md"))


def test_the_readme_is_one_page_and_begins_with_what_a_newcomer_types():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 170
    first = re.search(r"^\$ (.*)$", text, flags=re.MULTILINE)
    assert first is not None
    assert first[1] == "pip install . && bulkput run configs/quickstart.yaml"
    assert "$ pip install '.[test]' && pytest" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_price_has_its_region_and_date(path):
    prose = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    for line in prose.splitlines():
        if re.search(r"\d USD", line):
            assert re.search(r"[a-z]+-[a-z]+-\d,? (in )?autumn \d{4}", line), line
