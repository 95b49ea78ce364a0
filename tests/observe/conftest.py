"""A job in scripted events, and streams to look at."""

import io

import pytest

from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress


class FakeStream(io.StringIO):
    """A text stream that says whether it is a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def stream():
    return FakeStream()


@pytest.fixture
def terminal():
    return FakeStream(terminal=True)


@pytest.fixture
def progress():
    return Progress("web-01", phase=Phase.UPLOADING, blocks_total=1000, in_flight=64)


@pytest.fixture
def done():
    return VolumeOutcome(
        volume="web-01",
        source="/disks/web.img",
        status="completed",
        snapshot_id="snap-0123456789abcdef0",
        volume_size_gib=10,
        checksum="Pq34jf4xh07iqiQpo/morRl/xL06mqy1ERimH+Hypi8=",
        elapsed_s=18.0,
        upload_s=16.0,
        blocks={
            "total": 20_480,
            "put": 1_024,
            "resumed": 7,
            "skipped_zero": 449,
            "skipped_hole": 19_000,
            "unchanged": 0,
        },
        puts={"attempts": 1_030, "retried": 6, "throttled": 1},
        verified="full",
        notes=("The snapshot should stay unencrypted.",),
    )


@pytest.fixture
def failed():
    return VolumeOutcome(
        volume="db-02",
        source="/dev/sdb",
        status="failed",
        elapsed_s=3.0,
        error="PutSnapshotBlock failed: 403/AccessDeniedException",
        exit_code=4,
    )
