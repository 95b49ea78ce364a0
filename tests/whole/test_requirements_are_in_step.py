"""What is locked, and the oldest that is allowed, are what `pyproject.toml` asks for.

Whoever changes a dependency runs `packaging/lock`; this is what notices that it was forgotten.
"""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.manual import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOT_FOR_USERS = {"all", "bench", "deploy", "test"}
NOT_FOR_ONE_MACHINE = {"fleet"}
LOCKED = ["locked.txt", "locked-fleet.txt"]


def required():
    """Return every requirement of the program and of its extras for users."""
    lists = [PROJECT["dependencies"], *(EXTRAS[name] for name in EXTRAS.keys() - NOT_FOR_USERS)]
    return sorted({text for each in lists for text in each})


def pinned(name):
    """Return the versions of each package in a file of ``requirements/``: some have two."""
    found = {}
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(Version(version))
    return found


def test_all_is_every_extra_that_one_machine_has_a_use_for():
    (every,) = EXTRAS["all"]
    assert Requirement(every).extras == EXTRAS.keys() - NOT_FOR_USERS - NOT_FOR_ONE_MACHINE


@pytest.mark.parametrize("text", required())
def test_what_is_required_is_locked_at_a_version_that_is_allowed(text):
    requirement = Requirement(text)
    is_of_a_fleet = any(text in EXTRAS[name] for name in NOT_FOR_ONE_MACHINE)
    versions = pinned(LOCKED[is_of_a_fleet]).get(canonicalize_name(requirement.name), set())
    assert versions, "packaging/lock writes requirements/ anew"
    assert all(version in requirement.specifier for version in versions)


@pytest.mark.parametrize("text", required())
def test_the_oldest_are_the_floors(text):
    requirement = Requirement(text)
    (floor,) = (each.version for each in requirement.specifier if each.operator == ">=")
    assert pinned("oldest.txt").get(canonicalize_name(requirement.name)) == {Version(floor)}


def test_a_fleet_has_what_one_machine_has():
    alone, fleet = map(pinned, LOCKED)
    assert alone == {name: fleet.get(name) for name in alone}


@pytest.mark.parametrize("name", LOCKED)
def test_every_locked_package_has_hashes(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    packages = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > len(required())
    assert [each for each in packages if "--hash=sha256:" not in each] == []
