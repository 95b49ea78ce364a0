"""The `observe` section: what a run leaves behind for people and programs that were not there."""

from typing import Annotated

from pydantic import Field

from bulkput.config.paths import FilePath, StreamPath
from bulkput.config.quantity import Duration
from bulkput.config.section import Section

# Sinks look four times a second; a figure a day is of no use to anybody.
Interval = Annotated[float, Duration(minimum_s=0.5, maximum_s=24 * 3600)]


class ObserveSettings(Section):
    """Events, logs and reports. None of them can stop or slow an upload."""

    events: StreamPath | None = Field(
        default=None,
        description="Append every event as a line of JSON to this file; `-` is stderr, `fd:N` an "
        "open file descriptor.",
    )
    # None: 5 s in `events`, a few MB a day and volume; lines for people become rarer by themselves.
    progress_interval_s: Interval | None = Field(
        default=None,
        alias="progress_interval",
        description="Time between two `progress` events, and between two lines of figures without "
        "a terminal. If not given: 5s for events; 5s in the first minute and then 60s for lines.",
    )
    log_file: FilePath | None = Field(
        default=None,
        description="Append everything that happens to this file, with time and level, whatever "
        "`--quiet` and `--verbose` say.",
    )

    @property
    def events_to_stderr(self) -> bool:
        """Whether stderr is a program's to read."""
        return self.events in {"-", "fd:2"}
