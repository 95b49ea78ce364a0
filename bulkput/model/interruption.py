"""What a signal makes of a run: it leaves in order, and the same command resumes it."""

import signal as signals

from bulkput.model.errors import BulkputError


class InterruptedBySignal(BulkputError):  # noqa: N818 - an event that happened, not a mistake
    """A signal asked the program to leave; state is kept and the same command resumes."""

    def __init__(self, signal_number: int, snapshot_id: str | None = None) -> None:
        self.signal_number = signal_number
        self.snapshot_id = snapshot_id
        """The pending snapshot that a job of one volume leaves."""
        super().__init__(f"stopped by {signals.Signals(signal_number).name}")

    @property
    def status(self) -> int:
        return 128 + self.signal_number
