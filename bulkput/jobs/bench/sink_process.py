"""The sink as a process of its own, for as long as puts are measured."""

import asyncio
import contextlib
import json
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from bulkput.jobs.bench.certificate import KeyPair
from bulkput.jobs.bench.sink import PUTS_PATH
from bulkput.jobs.bench.tls import client_context
from bulkput.jobs.process.child import kill, start_child
from bulkput.model.errors import MachineError

_START_LIMIT_S = 15.0
"""A start takes about 0.3 s."""

_ASK_LIMIT_S = 5.0


class PutsTaken(NamedTuple):
    """What the sink counted since it was last asked."""

    counts: list[int]
    """Puts in each slot of time."""
    cpu_s: float
    """Of the sink, since its start."""


@dataclass(frozen=True)
class Sink:
    """Where it serves, and with what certificate."""

    url: str
    keys: KeyPair

    def puts_taken(self) -> PutsTaken:
        """Ask for the counts, which begin anew. Blocks.

        Raises:
            OSError: it does not answer.
        """
        handler = urllib.request.HTTPSHandler(context=client_context(self.keys.certificate))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
        with opener.open(self.url + PUTS_PATH, timeout=_ASK_LIMIT_S) as answer:
            return PutsTaken(**json.loads(answer.read()))


@asynccontextmanager
async def running_sink(keys: KeyPair) -> AsyncIterator[Sink]:
    """Start it on a free port of the loopback, and end it.

    Raises:
        MachineError: it does not start: there is no loopback, or no such cipher.
    """
    try:
        process = await start_child(
            "bulkput.jobs.bench",
            (str(keys.certificate), str(keys.key)),
            stderr=asyncio.subprocess.PIPE,
            environ={"PATH": os.environ.get("PATH", os.defpath)},
        )
    except OSError as error:
        raise MachineError(f"no process can be started to put blocks to: {error}") from error
    assert process.stdout is not None  # noqa: S101 - start_child asks for it
    try:
        line = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_LIMIT_S):
                line = await process.stdout.readline()
        if not line.strip().isdigit():
            kill(process)
            words = (await process.communicate())[1].decode(errors="replace").strip()
            why = words.splitlines()[-1] if words else "it did not answer"
            raise MachineError(f"no server can be started on 127.0.0.1 to put blocks to: {why}")
        yield Sink(f"https://127.0.0.1:{int(line)}", keys)
    finally:
        kill(process)
        await process.communicate()
