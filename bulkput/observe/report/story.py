"""What became of a run and its volumes, folded from the records of its events. Pure.

Owns what the records amount to. Knows no file, no picture and no page; memory is bounded by the
number of volumes, whatever the length of the run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bulkput.model.disk_map import CELLS_MAX
from bulkput.model.progress import Phase
from bulkput.observe.record import unix_s_of
from bulkput.observe.report.series import Series
from bulkput.observe.summary import published_rows

_NOTES_MAX = 50
"""Of a run; a job that repeats itself a thousand times is read by nobody."""
_ENDED = frozenset({str(Phase.DONE), str(Phase.FAILED)})


@dataclass
class VolumeStory:
    """One volume."""

    name: str
    source: str
    begun_s: float
    """Since the run began."""
    ended_s: float | None = None
    phases: list[tuple[float, str]] = field(default_factory=list)
    """When each began."""
    series: Series = field(default_factory=Series)
    progress: Mapping[str, Any] = field(default_factory=dict)
    """The last one."""
    repeated: list[Mapping[str, Any]] = field(default_factory=list)
    """The last one of each earlier attempt."""
    disk: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    made: list[tuple[str, str]] = field(default_factory=list)
    """Of its snapshot: labels, and what there is."""
    hosts: list[str] = field(default_factory=list)
    """Of a fleet, in the order in which they worked on it."""

    def phase_spans(self, end_s: float) -> Iterator[tuple[str, float, float]]:
        """Yield each phase with begin and end; the last one ends with the volume, or the run."""
        last_s = end_s if self.ended_s is None else self.ended_s
        begun = [*self.phases, (last_s, "")]
        if begun[0][0] > self.begun_s:
            begun.insert(0, (self.begun_s, str(Phase.PREPARING)))
        for (start_s, phase), (stop_s, _) in pairwise(begun):
            if stop_s > start_s and phase not in _ENDED:
                yield phase, start_s, stop_s


@dataclass
class RunStory:
    """One run of a verb."""

    key: str
    """As the lines of the run have it in common."""
    verb: str
    begun_unix_s: float
    started: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    volumes: dict[str, VolumeStory] = field(default_factory=dict)
    series: Series = field(default_factory=Series)
    """Of a job of several volumes."""
    images: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Outcomes by name."""
    notes: list[str] = field(default_factory=list)
    notes_left_out: int = 0
    error: str | None = None
    exit_code: int | None = None
    """None where it has not ended, or was killed."""
    last_s: float = 0.0
    """When the last was heard, since the run began."""

    @property
    def host(self) -> str:
        """The machine's name."""
        return str(self.started.get("host", ""))

    @property
    def whole(self) -> Series:
        """The figures of all volumes together."""
        if len(self.volumes) == 1 and not self.series.points:
            return next(iter(self.volumes.values())).series
        return self.series

    def apply(self, record: Mapping[str, Any]) -> None:
        """Fold one record in; of events that are not known nothing is taken.

        Raises:
            KeyError, TypeError, ValueError: it is not as the schema has it; what it names
                may be there now.
        """
        at_s = unix_s_of(record) - self.begun_unix_s
        taken = _TAKEN.get(record["event"])
        if taken is not None:
            taken(self, record, at_s)
        self.last_s = max(self.last_s, at_s)

    def begin(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take the first record of a run."""
        self.started = record
        self.series.begin(at_s)

    def configure(self, record: Mapping[str, Any], _: float) -> None:
        """Take what the run goes by."""
        self.configuration = record

    def begin_volume(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take the first record of a volume."""
        volume = self._volume(record, at_s)
        volume.source = record["source"]
        if volume.progress:
            volume.repeated.append(volume.progress)
            volume.progress = {}

    def enter(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take a change of phase."""
        self._volume(record, at_s).phases.append((at_s, record["phase"]))

    def count(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take the counters of a volume."""
        volume = self._volume(record, at_s)
        volume.series.add(record, at_s)
        volume.progress = record

    def count_all(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take the counters of all volumes together."""
        self.series.add(record, at_s)

    def map_disk(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take where the blocks of a volume are."""
        _require_cells(record)
        self._volume(record, at_s).disk = record

    def end_volume(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take the outcome of a volume."""
        outcome = record["outcome"]
        made = published_rows(outcome.get("published") or {})
        volume = self._volume(record, at_s)
        volume.outcome, volume.made, volume.ended_s = outcome, made, at_s

    def end_image(self, record: Mapping[str, Any], _: float) -> None:
        """Take the outcome of an image."""
        self.images[str(record["outcome"]["name"])] = record["outcome"]

    def note(self, record: Mapping[str, Any], _: float) -> None:
        """Take a note, once."""
        name, text = record["volume"], record["text"]
        note = f"{name}: {text}" if name else text
        if note in self.notes:
            return
        if len(self.notes) < _NOTES_MAX:
            self.notes.append(note)
        else:
            self.notes_left_out += 1

    def fail(self, record: Mapping[str, Any], _: float) -> None:
        """Take what ended the run as a whole."""
        self.error = record["error"]

    def end(self, record: Mapping[str, Any], _: float) -> None:
        """Take the end of the run."""
        self.exit_code = record["exit_code"]

    def _volume(self, record: Mapping[str, Any], at_s: float) -> VolumeStory:
        name = record["volume"]
        volume = self.volumes.get(name)
        if volume is None:
            volume = self.volumes[name] = VolumeStory(name, "", at_s)
            volume.series.begin(at_s)
        host = record.get("host")
        if isinstance(host, str) and host not in volume.hosts:
            volume.hosts.append(host)
        return volume


_TAKEN: dict[str, Callable[[RunStory, Mapping[str, Any], float], None]] = {
    "started": RunStory.begin,
    "configuration": RunStory.configure,
    "volume_started": RunStory.begin_volume,
    "phase": RunStory.enter,
    "progress": RunStory.count,
    "job_progress": RunStory.count_all,
    "disk_map": RunStory.map_disk,
    "volume_ended": RunStory.end_volume,
    "image_ended": RunStory.end_image,
    "note": RunStory.note,
    "error": RunStory.fail,
    "job_ended": RunStory.end,
}
"""What is done with each event; all else changes nothing."""


def _require_cells(record: Mapping[str, Any]) -> None:
    """Refuse a map that is larger than any is: it would be drawn for ever.

    Raises:
        KeyError, TypeError, ValueError: it is not as the schema has it.
    """
    count = -(-int(record["block_count"]) // max(1, int(record["blocks_per_cell"])))
    sizes = [len(counts) for counts in record["cells"].values()]
    if record["blocks_per_cell"] < 1 or count < 0 or max([count, *sizes]) > CELLS_MAX:
        raise ValueError("a map of another size")
    if not all(isinstance(each, int) for counts in record["cells"].values() for each in counts):
        raise ValueError("a map of other than counts")
