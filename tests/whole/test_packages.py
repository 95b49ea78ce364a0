"""What a release gives away: built twice alike, installed by every installer, started anywhere.

Minutes and a network: `pytest -m deploy` with the extra ``deploy``.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.manual import ROOT

from bulkput import __version__

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(600)]

LOCKED = ROOT / "requirements" / "locked.txt"


def run(*command, **options):
    """Run a command that has to succeed; return what it wrote to stdout."""
    ended = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
        **options,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def tool(name):
    """Return an installer's path; skip without it."""
    found = shutil.which(name, path=f"{sys.prefix}/bin") or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def build(folder):
    """Return the sdist and the wheel, built as a release does."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Return the sdist and the wheel."""
    return build(tmp_path_factory.mktemp("dist"))


def empty_environment(home):
    """Return an environment with nothing of this one's, and its own folders."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "SSL_"))
    }
    path = f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"
    return {**kept, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}


def rehearse(program, home):
    """Run the quickstart as a newcomer does, and return the snapshot."""
    environment = empty_environment(home)
    run(*program, "init", "quickstart", cwd=home, env=environment)
    shown = run(*program, "run", "quickstart.yaml", "--quiet", cwd=home, env=environment)
    assert shown.startswith("snap-")


def test_two_builds_are_alike(packages, tmp_path):
    digests = [
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in built]
        for built in (packages, build(tmp_path))
    ]
    assert digests[0] == digests[1]


def test_an_index_would_take_them(packages):
    run(tool("twine"), "check", "--strict", *packages)


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_pip_installs_it(packages, kind, tmp_path):
    package = packages[("sdist", "wheel").index(kind)]
    run(sys.executable, "-m", "venv", tmp_path / "env")
    run(tmp_path / "env/bin/pip", "install", "--quiet", f"{package}[all]")
    rehearse([tmp_path / "env/bin/bulkput"], tmp_path)
    assert (tmp_path / "env/share/man/man1/bulkput.1").exists()


def test_pip_installs_exactly_what_is_locked(packages, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env")
    pip = tmp_path / "env/bin/pip"
    run(pip, "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", LOCKED)
    run(pip, "install", "--quiet", "--no-deps", packages[1])
    run(pip, "check")
    rehearse([tmp_path / "env/bin/bulkput"], tmp_path)


def test_the_oldest_versions_that_are_allowed_work(packages, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env")
    pip = tmp_path / "env/bin/pip"
    run(pip, "install", "--quiet", "-r", ROOT / "requirements" / "oldest.txt")
    run(pip, "install", "--quiet", "--no-deps", packages[1])
    rehearse([tmp_path / "env/bin/bulkput"], tmp_path)


def test_pipx_installs_it(packages, tmp_path):
    environment = {
        **os.environ,
        "PIPX_HOME": str(tmp_path / "x"),
        "PIPX_BIN_DIR": str(tmp_path / "b"),
    }
    run(tool("pipx"), "install", f"{packages[1]}[all]", env=environment)
    assert run(tmp_path / "b/bulkput", "-V") == f"bulkput {__version__}\n"


def test_uv_installs_it(packages, tmp_path):
    folders = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "b")}
    run(
        tool("uv"),
        "tool",
        "install",
        "--quiet",
        f"bulkput[all] @ {packages[1].as_uri()}",
        env={**os.environ, **folders},
    )
    assert run(tmp_path / "b/bulkput", "-V") == f"bulkput {__version__}\n"


def test_a_single_file_starts_the_quickstart_in_an_empty_environment(packages, tmp_path):
    file = tmp_path / "bulkput.pyz"
    run(
        tool("shiv"),
        *("--console-script", "bulkput", "--extend-pythonpath", "--compressed", "--reproducible"),
        *("--python", "/usr/bin/env python3", "--output-file", file, f"{packages[1]}[all]"),
    )
    rehearse([sys.executable, "-I", file], tmp_path)


@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_every_dependency_has_a_wheel(machine, python, tmp_path):
    platforms = [f"--platform=manylinux{kind}_{machine}" for kind in ("2014", "_2_17", "_2_28")]
    flags = ("--quiet", "--only-binary=:all:", "--no-deps", "--dest", tmp_path)
    run(
        *(sys.executable, "-m", "pip", "download", *flags, *platforms),
        *("--python-version", python, "--require-hashes", "-r", LOCKED),
    )
