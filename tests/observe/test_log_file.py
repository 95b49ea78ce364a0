"""Everything that happens, with time and level."""

import re
import stat

import pytest

from bulkput.model.events import Noted, PhaseChanged, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.progress import Phase
from bulkput.observe.line_file import LineFile
from bulkput.observe.log_file import LogFile
from bulkput.observe.run_events import Logged, RunEnded, RunFailed, RunStarted

CANARY = "canary/secret/0123456789"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.log"


@pytest.fixture
def log(path):
    environ = {"AWS_SECRET_ACCESS_KEY": CANARY}
    return LogFile(LineFile(path), verb="upload", interval_s=None, environ=environ)


def lines(path):
    stamped = [line.split(" ", 1) for line in path.read_text().splitlines()]
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    assert all(stamp.fullmatch(at) for at, _ in stamped)
    return [line for _, line in stamped]


def test_everything_is_there_with_its_level(log, path, progress, done, failed):
    for event in (
        RunStarted(2, "0.1.0", 4711, "host"),
        VolumeStarted(progress, "/disks/web.img"),
        PhaseChanged("web-01", Phase.UPLOADING),
        PutRetried("web-01", 7, "timeout", 0.5, "no answer"),
        Noted("web-01", f"beware of {CANARY}\nand more", warning=True),
        Logged("bulkput: info: detail", 20),
        VolumeEnded(done),
        VolumeEnded(failed),
        RunFailed("it broke", 10, None, ("Traceback\n  line",)),
        RunEnded(10, 3.0),
    ):
        log.on_event(event)
    log.close(1.0)
    assert lines(path) == [
        "INFO bulkput 0.1.0 upload: 2 volumes, process 4711 on host",
        "INFO web-01: uploading",
        "INFO web-01: block 7 is put again in 0.50s (timeout): no answer",
        "WARNING web-01: warning: beware of **** and more",
        "INFO bulkput: info: detail",
        "INFO web-01: completed: snap-0123456789abcdef0, 1,024 blocks put in 18.0s",
        "ERROR db-02: failed: PutSnapshotBlock failed: 403/AccessDeniedException",
        "ERROR Traceback",
        "ERROR   line",
        "ERROR it broke",
        "INFO ended with exit code 10 after 3.0s",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_figures_come_often_at_first_and_then_rarely(log, path, progress):
    log.on_event(VolumeStarted(progress, "/disks/web.img"))
    for quarter in range(4 * 181):
        log.tick(quarter / 4)
    log.close(181)
    assert len(lines(path)) == 12 + 2
