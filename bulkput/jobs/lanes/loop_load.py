"""How much of a processor an event loop needs: its thread's own time against the clock."""

import time


class LoopLoad:
    """Made and asked in the loop's thread."""

    def __init__(self) -> None:
        """Begin now."""
        self._cpu_s, self._clock_s = time.thread_time(), time.monotonic()
        self._process_cpu_s = time.process_time()
        self.process_share = 0.0
        """Of the whole process, its threads included, when it was last asked."""

    def busy_share(self) -> float:
        """Return the share since the last time; waiting for the GIL is not in it."""
        cpu_s, clock_s = time.thread_time(), time.monotonic()
        process_cpu_s = time.process_time()
        elapsed_s = max(clock_s - self._clock_s, 1e-3)
        share = (cpu_s - self._cpu_s) / elapsed_s
        self.process_share = (process_cpu_s - self._process_cpu_s) / elapsed_s
        self._cpu_s, self._clock_s, self._process_cpu_s = cpu_s, clock_s, process_cpu_s
        return share
