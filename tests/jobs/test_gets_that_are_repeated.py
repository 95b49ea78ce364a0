"""A get that is repeated by itself is reported without what to do about it, wherever it is made."""

import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.inline_workers import Inline
from virtual_time import run_virtual

from bulkput.config.service import ServiceSettings
from bulkput.config.tuning import TuningSettings
from bulkput.jobs.lanes.lane_restore import LaneRestore
from bulkput.jobs.lanes.lane_volume import LaneTools
from bulkput.jobs.lanes.orders import RestoreOrder
from bulkput.jobs.lanes.protocol import CallShare, Share
from bulkput.jobs.session.rate_limits import GET_RATE_LIMITS_DEFAULT
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.model.events import GetRetried
from bulkput.model.failure import FailureClass
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer

SNAPSHOT_ID = "snap-0123456789abcdef0"


class Service:
    """Answers the second attempt."""

    def __init__(self):
        self.clock, self.data, self.attempts = LoopClock(), self, 0

    async def recover(self, _error):
        pass

    async def get_block(self, _snapshot_id, _index, _token):
        self.attempts += 1
        if self.attempts > 1:
            return "the block"
        raise ServiceError(
            operation="GetSnapshotBlock",
            failure=FailureClass.TRANSIENT,
            what="no answer",
            advice="Run the same command again",
        )


def path_here(service, hear):
    reader = SnapshotReader(
        service=service,
        tuning=TuningSettings(),
        rate_limits=GET_RATE_LIMITS_DEFAULT,
        account=AccountPacer(1000.0),
        workers=Inline(),
        clock=service.clock,
        random=random.Random(1),
        observer=SimpleNamespace(on_event=hear),
    )
    progress = Progress("disk", snapshot_id=SNAPSHOT_ID)
    return reader.path(SNAPSHOT_ID, reader.new_retrier(), progress, memory_budget_bytes=1 << 22)


def path_in_a_lane(service, hear):
    order = RestoreOrder("disk", SNAPSHOT_ID, 0.0, Path("copy"), "file", 0, Path("t"), 1, None)
    lane = LaneRestore(order, (-1, -1), LaneTools(ServiceSettings(), service, Inline(), hear))
    lane.take(Share((CallShare(1000.0, 1000.0, 8),), 1 << 22))
    return lane.get_path()


@pytest.mark.parametrize("path", [path_here, path_in_a_lane])
def test_what_happened_is_reported_and_not_what_to_do(path):
    events = []

    async def main():
        return await path(Service(), events.append)(7, "token")

    assert run_virtual(main()) == "the block"
    (event,) = events
    assert isinstance(event, GetRetried)
    assert (event.volume, event.block_index, event.failure) == ("disk", 7, "transient")
    assert "no answer" in event.error
    assert "again" not in event.error
