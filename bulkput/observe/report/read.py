"""Streams of events read back: the runs in them, and what could not be taken. Opens no file."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkput.observe.record import VERSION, unix_s_of
from bulkput.observe.record_schema import EVENTS
from bulkput.observe.report.story import RunStory


@dataclass
class Streams:
    """All runs of all streams that were read, in the order in which they were met."""

    by_key: dict[str, RunStory] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """What was left out, a sentence each."""

    @property
    def runs(self) -> list[RunStory]:
        """Those that began first, first."""
        return sorted(self.by_key.values(), key=lambda run: run.begun_unix_s)

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Take the lines of one stream, whose ``name`` is for the warnings."""
        reading = _Reading(name, self.by_key)
        for line in lines:
            reading.take(line)
        self.warnings += reading.warnings()


class _Reading:
    def __init__(self, name: str, runs: dict[str, RunStory]) -> None:
        self._name = name
        self._runs = runs
        self._current = ""
        """The run of lines that do not name theirs, which older programs wrote."""
        self._left_out: Counter[str] = Counter()
        self._is_cut = False
        self._taken = 0

    def take(self, line: bytes) -> None:
        """Take one line with its end."""
        if not line.endswith(b"\n"):
            self._is_cut = True  # is being written, or was when the process was killed
        elif line.strip():
            self._left_out.update(filter(None, [self._fold(line)]))

    def _fold(self, line: bytes) -> str | None:
        """Fold a line in; return why it was left out instead."""
        try:
            record = json.loads(line)
            event, version = str(record["event"]), record["v"]
            at_unix_s = unix_s_of(record)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            return "no event"
        if version != VERSION:
            return f"of version {version!s:.20} of the format, which this program does not know"
        if event not in EVENTS:
            return f"an event that this program does not know ({event:.40})"
        run = self._run(record, at_unix_s)
        if run is None:
            return "of a run whose begin is missing"
        try:
            run.apply(record)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return f"damaged ({event})"
        self._taken += 1
        return None

    def _run(self, record: Mapping[str, Any], at_unix_s: float) -> RunStory | None:
        key = None if record.get("run") is None else str(record["run"])
        if record["event"] == "started":
            key = key or f"{record.get('host')} {record.get('process_id')} {record['ts']}"
            self._current = key
            if key not in self._runs:
                self._runs[key] = RunStory(key, str(record.get("verb", "")), at_unix_s)
        return self._runs.get(key or self._current)

    def warnings(self) -> Iterable[str]:
        """Yield what the reader of the report should know of this stream."""
        if not self._taken:
            yield f"{self._name}: has no events of a run"
        for why, count in self._left_out.items():
            lines = "1 line is" if count == 1 else f"{count:,} lines are"
            yield f"{self._name}: {lines} left out: {why}"
        if self._is_cut:
            yield f"{self._name}: the last line is cut off and was left out"
