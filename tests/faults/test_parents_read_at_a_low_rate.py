"""A parent without a manifest, read at a low rate under throttles: the runs converge."""

import pytest
from support.whole import BLOCK

GET = "GetSnapshotBlock"
BLOCKS = 200
GETS_PER_S = 80
"""So few that the last block waits for its turn longer than two operations may take."""
IN_FLIGHT_MAX = 16


@pytest.fixture
def parent(live, bulkput, image, tmp_path):
    """Return a server with a completed snapshot, its source, and a program that has no manifest."""
    server = live(gets_per_s_snapshot=float(GETS_PER_S))
    source = image(BLOCKS)
    snapshot_id = bulkput(server).upload(source)["snapshot_id"]
    (tmp_path / "state").rename(tmp_path / "lost")
    return server, source, snapshot_id


def throttle(server, every):
    """Refuse the first get of every so many blocks."""
    for index in range(0, BLOCKS, every):
        server.script("throttle-snapshot", GET, block_index=index)


def test_what_a_get_waits_for_its_turn_is_not_time_of_its_operation(parent, bulkput):
    server, source, snapshot_id = parent
    throttle(server, every=12)  # 8 %
    program = bulkput(server, operation_deadline="1s", gets_per_s_snapshot=GETS_PER_S)
    with source.open("r+b") as file:
        file.seek(7 * BLOCK)
        file.write(b"changed")
    result = program.upload(source, "--parent", snapshot_id)
    assert result["blocks"]["put"] == 1
    assert server.count(GET, 200) == BLOCKS


def test_runs_that_are_refused_go_on_where_the_last_one_ended(parent, bulkput, ends):
    server, source, snapshot_id = parent
    tuning = {"gets_per_s_snapshot": GETS_PER_S, "in_flight_max": IN_FLIGHT_MAX}
    program = bulkput(server, operation_deadline="1s", **tuning)
    read = []
    for stop in (80, 160):
        server.script("throttle-snapshot", GET, block_index=stop, times=None)
        done = program.run("upload", source, "--parent", snapshot_id)
        ends(done, 5, "resume with: ")
        server.calm()
        read.append(server.count(GET, 200))
    assert read[0] >= 80
    result = program.upload(source, "--parent", snapshot_id)
    assert result["blocks"]["put"] == 0
    # What lay behind the block that failed was under way and is asked for again.
    assert server.count(GET, 200) <= BLOCKS + 2 * IN_FLIGHT_MAX
