"""Makes of the messages of attempts on all hosts the events of one run."""

from bulkput.fleet.protocol import VolumeProgress
from bulkput.fleet.volume_logs import VolumeLogs
from bulkput.model.events import Event, Noted, Observer, VolumeEnded, VolumeStarted
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Progress


class Inbox:
    """Of one run."""

    def __init__(self, logs: VolumeLogs) -> None:
        """Begin without attempts; ``logs`` passes on what becomes of the messages."""
        self._observer: Observer = logs
        self._logs = logs
        self._attempts: dict[str, tuple[str, str, Progress | None]] = {}

    def open(self, client: str, volume: str, host: str) -> None:
        """Expect messages of an attempt at a volume."""
        self._attempts[client] = volume, host, None

    def close(self, client: str) -> None:
        """Take no more messages of an attempt: what comes late is of the past."""
        self._attempts.pop(client, None)

    def progress(self, client: str) -> Progress | None:
        """Return the counters of an attempt, once it has begun."""
        return self._attempts[client][2] if client in self._attempts else None

    def take(self, client: str, message: Event | VolumeProgress) -> None:
        """Report one message, in the order in which an attempt sends them."""
        if client not in self._attempts:
            return
        volume, host, progress = self._attempts[client]
        if isinstance(message, VolumeProgress):
            if progress is not None:
                vars(progress).update(vars(message.progress) | {"host": host})
        elif isinstance(message, VolumeStarted):
            progress = message.progress
            progress.host = host
            self._attempts[client] = volume, host, progress
            self._observer.on_event(message)
        elif not isinstance(message, VolumeEnded):  # its end is the task's result
            self._observer.on_event(message)

    def note(self, volume: str, text: str, *, warning: bool = False) -> None:
        """Report what the fleet does with a volume."""
        self._observer.on_event(Noted(volume, text, warning=warning))

    def keep_words(self, volume: str, words: str) -> None:
        """Keep in the volume's log what its process printed at its end."""
        self._logs.write(volume, words)

    def finish(self, outcome: VolumeOutcome) -> None:
        """Report that a volume has ended for good."""
        self._observer.on_event(VolumeEnded(outcome))
