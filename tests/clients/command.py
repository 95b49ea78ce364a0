"""A client's command, and what is needed to find or make it."""

import shutil
import subprocess
from dataclasses import dataclass, replace

import pytest

INSTALL_LIMIT_S = 900
RUN_LIMIT_S = 1500
BLOCKS = 10_050
"""More than the 10,000 that a page of a list holds."""


@dataclass(frozen=True)
class Client:
    """A command that takes ``upload IMAGE`` or ``download SNAPSHOT FILE``."""

    version: str
    command: tuple[str, ...]
    """``{url}`` stands for the endpoint."""
    upload_flags: tuple[str, ...] = ()
    environment: dict[str, str] | None = None
    blocks: int = BLOCKS
    """Of the disk that it is given."""

    def bound_to(self, environment, url):
        command = tuple(word.replace("{url}", url) for word in self.command)
        return replace(self, command=command, environment=environment)

    def upload(self, image):
        """Return the id of the snapshot that the client made."""
        return self._run("upload", *self.upload_flags, image).split()[-1]

    def download(self, snapshot_id, path):
        self._run("download", snapshot_id, path)

    def _run(self, *arguments):
        return run([*self.command, *map(str, arguments)], RUN_LIMIT_S, env=self.environment)


def run(command, limit_s=INSTALL_LIMIT_S, **options):
    """Return stdout of a command that must succeed."""
    done = _ended(command, limit_s, options)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def need(name):
    """Return where a tool is, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not at hand")
    return found


def install_or_skip(command, **options):
    """Run an installer, which may have no network."""
    done = _ended(command, INSTALL_LIMIT_S, options)
    if done.returncode != 0:
        pytest.skip(f"{command[0]} could not install: {done.stderr.strip()[-300:]}")


def _ended(command, limit_s, options):
    wanted = {"capture_output": True, "text": True, "timeout": limit_s, **options}
    return subprocess.run([*map(str, command)], check=False, **wanted)
