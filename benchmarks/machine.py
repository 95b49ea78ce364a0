"""What a result was measured on: commit, machine, versions."""

import importlib.metadata
import os
import platform
import re
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.clients.commands import coldsnap_path
from benchmarks.measure.process import REPOSITORY

_PACKAGES = ("aiohttp", "uvloop", "numpy", "aiobotocore", "boto3", "botocore", "urllib3")


def _output(*argv: str) -> str:
    """Return what a program says, on whichever stream; nothing where it is not installed."""
    if shutil.which(argv[0]) is None:
        return ""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    return (done.stdout + done.stderr).strip()


def _field(path: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.+)$", Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def _commit() -> str:
    commit = _output("git", "rev-parse", "--short=12", "HEAD")
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", "--", "bulkput")
    return f"{commit or 'unknown'}{' with changes' if changed else ''}"


def _coldsnap_version() -> str:
    """Return coldsnap's version from cargo's own list: the program itself does not report it."""
    program = coldsnap_path()
    if program is None:
        return ""
    listed = Path(program).parent.parent / ".crates.toml"
    found = re.search(r'"coldsnap ([0-9][^ ]*)', listed.read_text()) if listed.exists() else None
    return found[1] if found else "unknown"


def describe_machine() -> dict[str, Any]:
    """Return what a reader needs to judge a figure, or to measure it again."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = ""
    return {
        "commit": _commit(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "load_average_before": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "nginx": _output("nginx", "-v").removeprefix("nginx version: "),
        "coldsnap": _coldsnap_version(),
        "packages": versions,
    }
