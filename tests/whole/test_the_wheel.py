"""What a stranger gets who installs the package: the manual, the examples, a first minute."""

import os
import subprocess
import sys
import zipfile

import pytest
from support.manual import MANUAL, ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with the wheel's content, as an installation has it, and its folder."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def run(installed, tmp_path):
    """Call the program of the wheel, away from the checkout."""

    def call(*args):
        environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *args],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def relative(folder, *patterns):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in patterns
        for path in folder.glob(pattern)
    }


def test_the_wheel_has_manual_and_examples_once(installed):
    package = installed / "bulkput"
    assert relative(package / "manual", "*") == relative(MANUAL, "*.md")
    assert relative(package / "examples", "*.yaml", "iam/*") == relative(
        ROOT / "configs", "*.yaml", "iam/*"
    )
    assert {path.name for path in installed.iterdir() if "dist-info" not in path.name} == {
        "bulkput"
    }


def test_the_wheel_has_every_module(installed):
    assert set(relative(installed, "bulkput/**/*.py")) == set(relative(ROOT, "bulkput/**/*.py"))
    assert (installed / "bulkput/py.typed").exists()


def test_help_and_init_work_without_a_checkout(run, installed, tmp_path):
    where = run("-c", "import bulkput; print(bulkput.__file__)").stdout
    assert where.startswith(str(installed))
    shown = run("-m", "bulkput", "help", "limits")
    assert (shown.returncode, shown.stdout) == (0, (MANUAL / "limits.md").read_text())
    written = run("-m", "bulkput", "init", "quickstart")
    assert (written.returncode, written.stdout) == (0, "quickstart.yaml\n")
    checked = run("-m", "bulkput", "config", "check", "quickstart.yaml")
    assert (checked.returncode, checked.stdout) == (0, "ok: 1 volume\n")
    assert run("-m", "bulkput", "init", "iam/upload").returncode == 0
    assert (tmp_path / "upload.json").read_bytes() == (
        ROOT / "configs/iam/upload.json"
    ).read_bytes()
