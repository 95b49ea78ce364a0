"""What a stranger gets who installs the package: the manual, the examples, a first minute."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from support.manual import MANUAL, ROOT

from bulkput import __version__


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
    (data,) = (folder / "site").glob("*.data")
    shutil.move(data, folder / "data")
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


def test_the_wheel_has_man_pages_and_completions(installed):
    shared = installed.parent / "data" / "data" / "share"
    pages = {path.name: path.read_text() for path in shared.glob("man/man*/*")}
    topics = {path.stem for path in MANUAL.glob("*.md")} - {"commands"}
    assert set(pages) == {"bulkput.1", *(f"bulkput-{topic}.7" for topic in topics)}
    for command in ("upload", "ledger show", "config schema"):
        assert f".SH \\fBbulkput {command}" in pages["bulkput.1"]
    assert f'"bulkput {__version__}"' in pages["bulkput.1"]
    for path, mark in (
        ("bash-completion/completions/bulkput", "complete -o nosort -F"),
        ("zsh/site-functions/_bulkput", "#compdef bulkput"),
        ("fish/vendor_completions.d/bulkput.fish", "complete --no-files --command bulkput"),
    ):
        assert mark in (shared / path).read_text()


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_pages_are_ones_that_groff_takes(installed):
    for path in (installed.parent / "data" / "data" / "share").glob("man/man*/*"):
        ended = subprocess.run(
            ["groff", "-k", "-man", "-t", "-ww", "-Tutf8", path],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        # A long word in a narrow column of a table cannot be broken; nothing is lost by that.
        odd = [
            line
            for line in ended.stderr.splitlines()
            if "adjust line" not in line and "break line" not in line
        ]
        assert odd == []
        assert "The manual of bulkput" in ended.stdout
