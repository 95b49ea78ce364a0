"""The manual's tables of formats are those of the program."""

from pathlib import Path

import bulkput
from bulkput.source.content.disk_signs import END_SIGNS, SIGNS
from bulkput.source.foreign_texts import _TEXTS
from bulkput.source.format import MARKS

MANUAL = (Path(bulkput.__file__).parent / "manual/formats.md").read_text()


def rows():
    lines = MANUAL.partition("Refused, unless the format is `raw`:")[2].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]


def test_every_container_stands_in_the_manual_with_what_helps():
    for mark in MARKS:
        if mark.read_as is None:
            names = [f", {cells[0]}, " for cells in rows() if cells[1] == mark.conversion]
            assert any(f", {mark.name}, " in each for each in names), mark.name
    for _, name in _TEXTS:
        assert name in MANUAL


def test_the_manual_names_no_container_that_is_not_refused():
    conversions = {mark.conversion for mark in MARKS if mark.read_as is None}
    assert {cells[1] for cells in rows()} - conversions == {"get the disk itself"}


def test_every_sign_of_a_disk_stands_in_the_manual():
    (line,) = [each for each in MANUAL.splitlines() if each.startswith("Signs of a disk: ")]
    names = {*(sign.name for sign in SIGNS), *(name for name, _ in END_SIGNS), "DRBD"}
    for name in names:
        assert name in line, name
