"""What sinks that write have in common: one that fails reports it once, and is silent from then on.

It must not cost the upload: a terminal may be closed, a disk full, a reader gone.
"""


class GuardedSink:
    """The part of a Sink that writes; belongs to one thread at a time."""

    def __init__(self) -> None:
        self._broken = False

    def tick(self, now_s: float) -> None:
        """Write what is due at ``now_s`` (monotonic). Never raises; may block."""
        self._guarded(now_s, last=False)

    def close(self, now_s: float) -> None:
        """Write what still waits, and nothing from then on. Never raises; may block."""
        self._guarded(now_s, last=True)
        self._broken = True

    def write_due(self, now_s: float, *, last: bool) -> None:
        """Write what is due; ``last`` writes all that waits. May raise anything."""
        raise NotImplementedError

    def give_up(self, error: Exception) -> None:
        """Report what ``write_due`` raised: once, as it is not called again."""
        raise NotImplementedError

    def _guarded(self, now_s: float, *, last: bool) -> None:
        if self._broken:
            return
        try:
            self.write_due(now_s, last=last)
        except Exception as error:  # noqa: BLE001 - see the file's docstring
            self._broken = True
            self.give_up(error)
