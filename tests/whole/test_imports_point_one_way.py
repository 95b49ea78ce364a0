"""Imports go down the layers only; the failing import is named with the rule it breaks."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "bulkput"

ROOMS = {"source", "destination", "planning", "pace", "ebs", "ledger"}
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "config": {"model"},
    "observe": {"model"},
    "emulator": set(),
    **{room: {"model"} for room in ROOMS},
    "pipeline": {"model"} | ROOMS,
    "jobs": {"model", "config", "pipeline", "emulator"} | ROOMS,
    "api": {"model", "config", "jobs"},
    "cli": {"model", "config", "observe", "api", "jobs", "emulator"} | ROOMS,
}
"""Room to the other rooms that it may import."""


_IMPORT = re.compile(r"^\s*(?:from|import)\s+([.\w]+)", re.MULTILINE)


def _imports(path: Path) -> set[str]:
    """Return what a file imports of the project, inside functions too."""
    names = set(_IMPORT.findall(path.read_text()))
    assert not any(name.startswith(".") for name in names), f"{path}: a relative import"
    return {name for name in names if name.split(".")[0] == "bulkput"}


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_from_rooms_below_it(room):
    wrong = [
        f"{path.relative_to(ROOT.parent)} imports {name}: {room} may import only "
        f"{', '.join(sorted(MAY_IMPORT[room])) or 'nothing of the project'}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for name in sorted(_imports(path))
        if "." in name and name.split(".")[1] != room and name.split(".")[1] not in MAY_IMPORT[room]
    ]
    assert not wrong, "\n".join(wrong)


def test_every_room_is_under_the_rule():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms == set(MAY_IMPORT)
