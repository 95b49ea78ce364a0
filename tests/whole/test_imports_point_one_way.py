"""Imports go down the layers only; the failing import is named with the rule it breaks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "bulkput"

ROOMS = {"source", "plan", "pace", "ebs", "ledger"}
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "config": {"model"},
    "observe": {"model"},
    "emulator": set(),
    **{room: {"model"} for room in ROOMS},
    "pipeline": {"model"} | ROOMS,
    "jobs": {"model", "config", "pipeline", "emulator"} | ROOMS,
    "cli": {"model", "config", "observe", "jobs", "emulator"} | ROOMS,
}
"""Room to the other rooms that it may import."""


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import on line {node.lineno}"
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
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
