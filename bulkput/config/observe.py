"""The `observe` section: what a run leaves behind for people and programs that were not there."""

from typing import Annotated

from pydantic import Field

from bulkput.config.paths import FilePath, StreamPath
from bulkput.config.quantity import Duration
from bulkput.config.section import Section
from bulkput.config.text import Text

# Sinks look four times a second; a figure a day is of no use to anybody.
Interval = Annotated[float, Duration(minimum_s=0.5, maximum_s=24 * 3600)]

ListenAddress = Annotated[
    str,
    Text("an address and a port such as 127.0.0.1:9464", r"^[^\s/:]+:[0-9]{1,5}$", length_max=255),
]


class ObserveSettings(Section, defer_build=False):
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

    metrics_listen: ListenAddress | None = Field(
        default=None,
        description="Serve metrics for Prometheus (OpenMetrics) at this address while the run "
        "lasts, such as 127.0.0.1:9464. Anyone who can reach it can read names of volumes.",
    )
    metrics_textfile: FilePath | None = Field(
        default=None,
        description="Write the same metrics to this file, replaced as a whole each time, for the "
        "textfile collector of node_exporter; its name ends in `.prom`.",
    )
    report: FilePath | None = Field(
        default=None,
        description="Write a report with pictures to this file, one HTML page that loads nothing, "
        "however the run ends.",
    )

    @property
    def events_to_stderr(self) -> bool:
        """Whether stderr is a program's to read."""
        return self.events in {"-", "fd:2"}
