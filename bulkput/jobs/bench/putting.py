"""Puts a second of whole uploads on this host: the program itself, against a sink beside it.

Nothing of the upload is imitated: it is ``bulkput upload`` of a file of random data, with reading,
hashing, ledger, signatures and TLS, in a process of its own and with as many lanes as are asked
for. What the service's distance and quota do to it is not measured here.
"""

import asyncio
import json
import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path

from bulkput.jobs.bench.measured import Putting
from bulkput.jobs.bench.put_rate import steady_rate_per_s
from bulkput.jobs.bench.random_file import grow, room_bytes
from bulkput.jobs.bench.sink import SLOT_S
from bulkput.jobs.bench.sink_process import Sink
from bulkput.jobs.process.child import kill, start_child, terminate
from bulkput.machine.processors import IdleProcessors
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import MachineError

_UNLIMITED_PUTS_PER_S = 100_000
"""The most that the configuration takes: the host is measured, not the quota."""

FIRST_BYTES = 1 << 30
"""One second at twice the quota, five at the slowest processor seen."""

_LONGEST_BYTES = 4 << 30
_STEADY_S = 4.0
"""Other processes join within the first second: so long do several of them put."""

_END_LIMIT_S = 3.0
"""For an upload that has had its time, to end in order."""


class Uploads:
    """Uploads of one growing file, one after the other."""

    def __init__(
        self, sink: Sink, folder: Path, *, budget_s: float, first_bytes: int = FIRST_BYTES
    ) -> None:
        """Measure against ``sink``, with files in ``folder``.

        Args:
            sink: Where puts go.
            folder: Where files and state go.
            budget_s: What each upload may take, its start included.
            first_bytes: Length of the first file.
        """
        self._first_bytes = first_bytes
        self._sink = sink
        self._folder = folder
        self._budget_s = budget_s
        self._number = 0
        self._start_cpu_s = 0.0
        tuning = dict.fromkeys(("puts_per_s_snapshot", "puts_per_s_account"), _UNLIMITED_PUTS_PER_S)
        self._config = folder / "bench.yaml"  # JSON is YAML 1.2
        self._config.write_text(json.dumps({"version": 1, "tuning": tuning}))

    async def start_s(self) -> float:
        """Return how long an upload of one block takes; its CPU time is then known as the start's.

        Raises:
            MachineError: the upload fails.
        """
        path = self._folder / "block"
        await asyncio.to_thread(grow, path, BLOCK_SIZE_BYTES)
        began_s, before_s = time.monotonic(), _cpu_of_children_s()
        await self._upload(path, 1)
        self._start_cpu_s = _cpu_of_children_s() - before_s
        await asyncio.to_thread(self._sink.puts_taken)
        return time.monotonic() - began_s

    async def measure(self, processes: int, expected_puts_per_s: float | None = None) -> Putting:
        """Upload once.

        Args:
            processes: How many put its blocks.
            expected_puts_per_s: The file is as long as some seconds take at this rate; None of an
                unknown one.

        Raises:
            MachineError: the upload fails, or memory and disk have no room for a file.
        """
        path = self._folder / "random"
        wanted = self._first_bytes
        if expected_puts_per_s is not None:
            wanted = int(expected_puts_per_s * _STEADY_S) * BLOCK_SIZE_BYTES
            wanted = min(max(wanted, self._first_bytes), _LONGEST_BYTES)
        has = path.stat().st_size if path.exists() else 0
        size_bytes = max(has, min(wanted, has + room_bytes(self._folder)))
        if size_bytes < BLOCK_SIZE_BYTES:
            raise MachineError("there is no room for a file of random data to upload")
        await asyncio.to_thread(grow, path, size_bytes)
        cpu_before_s, idle = _cpu_of_children_s(), IdleProcessors()
        sink_before_s = (await asyncio.to_thread(self._sink.puts_taken)).cpu_s
        await self._upload(path, processes)
        idle_processors = idle.count()
        taken = await asyncio.to_thread(self._sink.puts_taken)
        puts = max(sum(taken.counts), 1)
        cpu_s = _cpu_of_children_s() - cpu_before_s - self._start_cpu_s
        return Putting(
            processes=processes,
            puts_per_s=steady_rate_per_s(taken.counts, SLOT_S),
            cpu_s_per_put=max(cpu_s, 0.0) / puts,
            sink_cpu_s_per_put=(taken.cpu_s - sink_before_s) / puts,
            idle_processors=idle_processors,
        )

    async def _upload(self, path: Path, processes: int) -> None:
        """Let the program upload ``path``, as far as it comes within the time."""
        self._number += 1
        state = self._folder / f"state-{self._number}"
        try:
            process = await start_child(
                "bulkput",
                (
                    *("upload", str(path), "--format", "raw", "--no-wait", "--quiet"),
                    *("--endpoint-url", self._sink.url, "--state-dir", str(state)),
                    *("--config", str(self._config), "--processes", str(processes)),
                ),
                stderr=asyncio.subprocess.STDOUT,
                environ=_environment(self._sink.keys.certificate),
            )
        except OSError as error:
            raise MachineError(f"no process can be started to put blocks: {error}") from error
        ending = asyncio.create_task(process.communicate())
        try:
            done, _ = await asyncio.wait({ending}, timeout=self._budget_s)
            if not done:
                terminate(process)
                await asyncio.wait({ending}, timeout=_END_LIMIT_S)
        finally:
            kill(process)
            output, _ = await ending
        if done and process.returncode:
            raise MachineError(f"an upload to a server on 127.0.0.1 failed: {_reason(output)}")


def _reason(output: bytes) -> str:
    """Return the program's sentence about why it failed, without what it says beside it."""
    lines = output.decode(errors="replace").strip().splitlines()
    sentences = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return (sentences or lines or ["no reason given"])[0]


def _environment(certificate: Path) -> Mapping[str, str]:
    """Return all that an upload sees: nothing of the user's settings, proxies and keys."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": "AKIDBENCH",
        "AWS_SECRET_ACCESS_KEY": "guards-nothing",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(certificate),
    }


def _cpu_of_children_s() -> float:
    """Return the processor time of all children that have ended, theirs included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
