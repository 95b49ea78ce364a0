"""An emulator on a loopback socket, served from a thread of this process."""

import asyncio
import threading

import uvloop

from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.server import Emulator


class EmulatorThread:
    """Serves from construction until ``stop``."""

    def __init__(self, options: EmulatorOptions, *clock) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self.emulator = self.call(_started(options, *clock))
        except BaseException:
            self._end_loop()
            raise
        self.url = self.emulator.url

    def call(self, work):
        """Return what a coroutine returns that runs beside the emulator."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        self.call(self.emulator.stop())
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


async def _started(options, *clock):
    emulator = Emulator(options, *clock)
    await emulator.start()
    return emulator
