"""What happens, reported once: events for whoever wants to show or record them.

An event is rare (a phase, a retry, a warning); steady counts are in ``Progress``.
"""

from dataclasses import dataclass
from typing import Protocol

from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress


@dataclass(frozen=True)
class VolumeStarted:
    """A volume is taken up; ``progress`` stays current until ``VolumeEnded``."""

    progress: Progress
    source: str


@dataclass(frozen=True)
class PhaseChanged:
    """A volume entered a phase; ``detail`` is one short sentence or empty."""

    volume: str
    phase: Phase
    detail: str = ""


@dataclass(frozen=True)
class PutRetried:
    """A put failed and will be sent again after ``delay_s``."""

    volume: str
    block_index: int
    failure: str
    delay_s: float
    error: str


@dataclass(frozen=True)
class GetRetried:
    """A get failed and will be repeated after ``delay_s``."""

    volume: str
    block_index: int
    failure: str
    delay_s: float
    error: str


@dataclass(frozen=True)
class Noted:
    """Something that the user should know, in one sentence."""

    volume: str
    text: str
    warning: bool = False


@dataclass(frozen=True)
class VolumeEnded:
    """A volume is finished, well or not."""

    outcome: VolumeOutcome


@dataclass(frozen=True)
class ImageEnded:
    """An image of the job is registered, or could not be."""

    outcome: ImageOutcome


Event = VolumeStarted | PhaseChanged | PutRetried | GetRetried | Noted | VolumeEnded | ImageEnded


class Observer(Protocol):
    """Whoever listens; called in the event loop, must return at once and never raise."""

    def on_event(self, event: Event) -> None:
        """Take note of ``event``."""
        ...


class NullObserver:
    """Listens to nothing."""

    def on_event(self, event: Event) -> None:
        """Do nothing."""
