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


def test_all_is_every_extra_that_is_not_for_developers():
    (every,) = EXTRAS["all"]
    assert Requirement(every).extras == EXTRAS.keys() - NOT_FOR_USERS


@pytest.mark.parametrize("text", required())
def test_what_is_required_is_locked_at_a_version_that_is_allowed(text):
    requirement = Requirement(text)
    versions = pinned("locked.txt").get(canonicalize_name(requirement.name), set())
    assert versions, "packaging/lock writes requirements/ anew"
    assert all(version in requirement.specifier for version in versions)


@pytest.mark.parametrize("text", required())
def test_the_oldest_are_the_floors(text):
    requirement = Requirement(text)
    (floor,) = (each.version for each in requirement.specifier if each.operator == ">=")
    assert pinned("oldest.txt").get(canonicalize_name(requirement.name)) == {Version(floor)}


def test_every_locked_package_has_hashes():
    text = (ROOT / "requirements/locked.txt").read_text(encoding="utf-8")
    packages = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > len(required())
    assert [each for each in packages if "--hash=sha256:" not in each] == []
