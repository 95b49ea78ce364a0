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
    "machine": {"model"},  # below the rooms that need the same answers of the kernel
    "network": {"model"},  # proxies and trust, the same for every client
    **{room: {"model", "machine"} for room in ROOMS},
    "ebs": {"model", "machine", "network"},
    "source": {"model", "machine", "network"},
    "pipeline": {"model"} | ROOMS,
    # above the rooms whose signer, connections and ledger it uses, beside the pipeline
    "store": {"model", "network", "ebs", "ledger"},
    "publish": {"model", "config", "source"},  # EC2 and the layer that repeats are handed in
    "jobs": {"model", "machine", "network", "config", "pipeline", "publish", "store", "emulator"}
    | ROOMS,
    "api": {"model", "config", "jobs", "publish"},
    "cli": {"model", "config", "observe", "api", "emulator", "fleet"} | ROOMS,
    "fleet": {"model", "config", "observe", "api", "jobs", "store"} | ROOMS,  # beside api's callers
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


FLOORS_OF_JOBS = (
    {"bench"},
    {"run", "publish_job"},
    {"images"},
    {"plan", "copy", "volume_queue"},
    {"upload", "stored_jobs"},
    {"verify", "download", "check", "diff", "abort", "gc", "publish", "stored"},
    {"lanes"},
    {"session"},
    {"state", "process"},
)
"""The rooms and files of ``jobs``, the upper ones first: what a verb does over what all share."""


def _room_of_jobs(path: Path) -> str:
    return path.relative_to(ROOT / "jobs").parts[0].removesuffix(".py")


def test_rooms_of_jobs_import_only_from_floors_below_them():
    floors = {room: floor for floor, rooms in enumerate(FLOORS_OF_JOBS) for room in rooms}
    wrong = []
    for path in sorted((ROOT / "jobs").rglob("*.py")):
        room = _room_of_jobs(path)
        for name in sorted(_imports(path)):
            if not name.startswith("bulkput.jobs."):
                continue
            other = name.split(".")[2]
            if other != room and floors[other] <= floors[room]:
                below = sorted(each for each in floors if floors[each] > floors[room])
                wrong.append(
                    f"{path.relative_to(ROOT.parent)} imports {name}: jobs/{room} may import only "
                    f"from below it: {', '.join(below) or 'nothing of jobs'}"
                )
    assert not wrong, "\n".join(wrong)


def test_every_room_of_jobs_has_its_floor():
    rooms = {_room_of_jobs(path) for path in (ROOT / "jobs").rglob("*.py")} - {"__init__"}
    assert rooms == set().union(*FLOORS_OF_JOBS)


def _edges(folder: Path) -> dict[str, set[str]]:
    """Return each module of ``folder`` with the modules of it that it imports."""
    package = ".".join(folder.relative_to(ROOT.parent).parts)
    modules = {f"{package}.{path.stem}": path for path in folder.glob("*.py")}
    return {name: _imports(path) & set(modules) for name, path in modules.items()}


def _circle(edges: dict[str, set[str]]) -> list[str]:
    """Return a way from a module back to itself; empty if there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next(filter(None, (walk(each, [*way, name]) for each in sorted(edges[name]))), [])
        done.add(name)
        return found

    return next(filter(None, (walk(name, []) for name in sorted(edges))), [])


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in ROOT.rglob("*.py")}), ids=lambda path: path.name
)
def test_modules_of_a_folder_do_not_import_each_other_in_a_circle(folder):
    circle = _circle(_edges(folder))
    assert not circle, " -> ".join(circle)
