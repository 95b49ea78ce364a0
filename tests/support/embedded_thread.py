"""The embedded server as a thread of this process: its own takes half a CPU second to start."""

import asyncio
from pathlib import Path

from support.emulator_thread import EmulatorThread

from bulkput.emulator.options import EmulatorOptions


async def start_thread(module, arguments, **_):
    """Start what ``start_child`` would start as a process; returns what is used of such a one."""
    given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert (module, given["--port"], given["--secret-key"]) == ("bulkput", "0", "-")
    return _ServingThread(Path(given["--root"]), given["--access-key"])


class _ServingThread:
    returncode = None

    def __init__(self, root, access_key):
        self._given = {"root": root, "access_key": access_key}
        self.stdin = self.stdout = self

    def write(self, line):
        self._given["secret_key"] = line.decode().rstrip("\n")

    def close(self):
        pass

    async def readline(self):
        options = EmulatorOptions(**self._given)
        self._serving = await asyncio.to_thread(EmulatorThread, options)
        return f"listening on {self._serving.url}\n".encode()

    def terminate(self):
        pass

    async def communicate(self):
        await asyncio.to_thread(self._serving.stop)
