"""What the package exports, and that pyright refuses its misuses (mypy has its own test)."""

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bulkput
from bulkput.api import public
from bulkput.model.errors import SourceError
from bulkput.model.outcome import VolumeOutcome

ROOT = Path(__file__).resolve().parents[2]
USES = ROOT / "tests" / "typing" / "api.py"


def test_every_name_of_the_library_is_there_and_used_in_the_file_of_uses():
    text = USES.read_text()
    for name in public.__all__:
        assert getattr(bulkput, name) is getattr(public, name)
        assert re.search(rf"\b{name}\b", text), name


def test_a_room_of_the_package_never_hides_a_function_of_the_library():
    rooms = {path.parent.name for path in (ROOT / "bulkput").glob("*/__init__.py")}
    assert not rooms & set(public.__all__)


def test_a_star_and_dir_give_every_name():
    names = {}
    exec("from bulkput import *", names)
    assert set(public.__all__) == {name for name in names if not name.startswith("__")}
    assert set(public.__all__) <= set(dir(bulkput))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="uplaod"):
        bulkput.uplaod  # noqa: B018 - looking is the test


def test_the_package_alone_imports_nothing():
    program = "import sys, bulkput; print([m for m in sys.modules if m.startswith('bulkput')])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "['bulkput']\n"


def test_an_outcome_travels_without_its_error():
    outcome = VolumeOutcome("v", "/x", "failed", error="e", cause=SourceError("/x", "gone"))
    arrived = pickle.loads(pickle.dumps(outcome))
    assert arrived == outcome
    assert arrived.cause is None


def test_pyright_refuses_exactly_the_misuses():
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", str(USES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    refused = {
        each["range"]["start"]["line"]: each["message"]
        for each in found
        if each["severity"] == "error"
    }
    lines = USES.read_text().splitlines()
    misuses = {at for at, line in enumerate(lines) if "# type: ignore" in line}
    assert set(refused) == misuses, refused
