"""The linter, the formatter and the type checker are satisfied.

They look at what git tracks: an environment that lies in the checkout, under whatever name, is
none of the project's code.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked(root):
    """Return the Python files that git tracks below ``root``; skip where there is no git."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    done = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--", "*.py", "*.pyi"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no checkout: {done.stderr.decode().strip()}")
    names = done.stdout.decode().split("\0")
    return [name for name in names if name and (root / name).exists()]


def run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_the_linter_and_the_formatter_find_nothing(command):
    run("ruff", *command, "--no-cache", "--force-exclude", *tracked(ROOT))


def test_the_type_checker_finds_nothing():
    run("mypy", "--cache-dir=/dev/null")


def test_nothing_is_left_that_nobody_calls():
    run("vulture")


def test_what_is_not_tracked_is_not_looked_at(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in ("own.py", "my-venv/lib/theirs.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("import   this\n")
    subprocess.run(["git", "-C", tmp_path, "add", "own.py"], check=True)
    assert tracked(tmp_path) == ["own.py"]
