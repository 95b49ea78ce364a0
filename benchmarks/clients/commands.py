"""How each program is started: one table, and the environment that they share."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients.arguments import REGION

ACCESS_KEY = "AKIDBENCHMARKS"
SECRET_KEY = "a-secret-that-guards-nothing"  # noqa: S105 - opens the loopback emulator only


def environment(ca_path: Path) -> dict[str, str]:
    """Return all that a client sees: credentials, the private authority, nothing of the user's."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(ca_path),
        "SSL_CERT_FILE": str(ca_path),  # where coldsnap's rustls looks for roots
    }


_CEILING_PUTS_PER_S = 100_000
"""The most that the configuration takes: no limit, on any machine of today."""


def bulkput_upload(source: Path, url: str, folder: Path, *flags: str) -> list[str]:
    """Return the command of a whole upload that does not wait for EC2; ``folder`` is its state."""
    verb = [sys.executable, "-m", "bulkput", "upload", str(source)]
    where = ["--endpoint-url", url, "--state-dir", str(folder / "state")]
    return [*verb, *where, "--no-wait", "--output", "json", "--quiet", *flags]


def bulkput_upload_unlimited(source: Path, url: str, folder: Path) -> list[str]:
    """Return the same without bulkput's own ceiling of 1000 puts/s: competitors have none."""
    limits = dict.fromkeys(("puts_per_s_snapshot", "puts_per_s_account"), _CEILING_PUTS_PER_S)
    configuration = folder / "tuning.yaml"  # JSON is YAML 1.2
    configuration.write_text(json.dumps({"version": 1, "tuning": limits}))
    return bulkput_upload(source, url, folder, "--config", str(configuration))


def coldsnap_path() -> str | None:
    """Return where coldsnap is installed, if it is."""
    return shutil.which("coldsnap") or shutil.which(
        "coldsnap", path=str(Path.home() / ".cargo" / "bin")
    )


def _module(name: str) -> Callable[[Path, str, Path], list[str]]:
    def command(source: Path, url: str, _folder: Path) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.clients.{name}", str(source), url]

    return command


def _coldsnap(source: Path, url: str, _folder: Path) -> list[str]:
    program = coldsnap_path() or "coldsnap"
    return [program, "--endpoint", url, "upload", "--no-progress", str(source)]


@dataclass(frozen=True)
class Client:
    """One competitor."""

    name: str
    label: str
    command: Callable[[Path, str, Path], list[str]]
    """From source, URL and an empty folder of its own to the command line."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot run here, or None."""


CLIENTS = (
    Client("floor", "floor: threads, blocking sockets", _module("floor")),
    Client("bulkput", "bulkput", bulkput_upload_unlimited),
    Client(
        "coldsnap",
        "coldsnap (Rust)",
        _coldsnap,
        lambda: None if coldsnap_path() else "not installed (cargo install --locked coldsnap)",
    ),
    Client("aiobotocore", "aiobotocore, 64 tasks", _module("aiobotocore_tasks")),
    Client("boto3", "boto3, 64 threads", _module("boto3_threads")),
)
