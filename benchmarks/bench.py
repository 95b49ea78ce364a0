"""What every case is handed: the options of the run, a work folder, and how to start a client."""

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clients.commands import environment
from benchmarks.measure.process import Child, Usage
from benchmarks.servers.authority import Authority
from bulkput.model.block import GIB_BYTES, volume_size_gib


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    rounds: int
    size_gib: float
    """Of random data, in the cases that compare clients."""
    duration_s: float
    """Of the cases that hold a rate."""
    only: frozenset[str]
    """Names of the clients that take part; empty for all."""


@dataclass(frozen=True)
class Bench:
    """One run's means; everything it writes lies in ``folder``."""

    options: Options
    folder: Path
    authority: Authority
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def size_bytes(self) -> int:
        """Bytes of random data to upload."""
        return int(self.options.size_gib * GIB_BYTES)

    @property
    def volume_size_gib(self) -> int:
        """The volume that holds them."""
        return volume_size_gib(self.size_bytes)

    @property
    def environment(self) -> dict[str, str]:
        """All that a client sees."""
        return environment(self.authority.ca_path)

    def new_folder(self, name: str) -> Path:
        """Return an empty folder of its own for a server, a state or a client's output."""
        folder = self.folder / f"{next(self._numbers):04d}-{name}"
        folder.mkdir()
        return folder

    def start(self, argv: Sequence[str], name: str) -> Child:
        """Start a client."""
        return Child(
            argv, environment=self.environment, folder=self.new_folder(f"out-{name}"), name=name
        )

    def run(self, argv: Sequence[str], name: str, timeout_s: float) -> Usage:
        """Run a client to its good end.

        Raises:
            ChildFailedError: it failed or took too long.
        """
        with self.start(argv, name) as child:
            return child.wait(timeout_s)

    def log(self, text: str) -> None:
        """Log to whoever waits what is going on."""
        print(text, file=sys.stderr, flush=True)
