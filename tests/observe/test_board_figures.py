"""What the counters of a volume say at a moment."""

import pytest

from bulkput.model.events import PhaseChanged, VolumeEnded, VolumeStarted
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.observe.board import Board


def board_with(progress, now_s=0.0):
    board = Board()
    board.apply(VolumeStarted(progress, "/disks/web.img"), now_s)
    board.figures(now_s)
    return board


def test_a_put_is_half_a_mebibyte(progress):
    board = board_with(progress)
    progress.blocks_put = 400
    (figures,) = board.figures(2.0)
    assert figures.puts_per_s == pytest.approx(200)
    assert figures.mib_per_s == pytest.approx(100)


def test_skipped_blocks_count_as_considered_but_not_as_put(progress):
    board = board_with(progress)
    progress.blocks_skipped_hole, progress.blocks_skipped_zero = 200, 100
    progress.blocks_resumed, progress.blocks_unchanged = 50, 50
    (figures,) = board.figures(1.0)
    assert figures.fraction == pytest.approx(0.4)
    assert figures.puts_per_s == 0


def test_the_time_left_is_what_remains_at_the_rate_so_far(progress):
    board = board_with(progress)
    progress.blocks_put = 250
    (figures,) = board.figures(10.0)
    assert figures.left_s == pytest.approx(30)


def test_there_is_no_time_left_before_anything_moved(progress):
    (figures,) = board_with(progress).figures(10.0)
    assert figures.left_s is None


def test_reading_back_has_its_own_percentage_and_no_puts(progress):
    progress.blocks_put = 1000
    board = board_with(progress)
    progress.phase = Phase.VERIFYING
    board.figures(1.0)
    progress.blocks_verified = 100
    (figures,) = board.figures(2.0)
    assert figures.fraction == pytest.approx(0.1)
    assert figures.puts_per_s == 0
    assert figures.mib_per_s == pytest.approx(50)
    assert figures.left_s == pytest.approx(9)


def test_waiting_has_a_duration_and_no_rate(progress):
    board = board_with(progress)
    progress.blocks_put, progress.phase = 1000, Phase.WAITING
    board.apply(PhaseChanged("web-01", Phase.WAITING), 20.0)
    (figures,) = board.figures(95.0)
    assert (figures.measured, figures.phase_s, figures.mib_per_s) == (False, 75.0, 0.0)


def test_an_empty_volume_divides_by_nothing():
    (figures,) = board_with(Progress("new")).figures(1.0)
    assert figures.fraction == 0


def test_calls_of_attempts_that_are_repeated_stay_in_the_sum_and_their_blocks_do_not(progress):
    board = board_with(progress)
    for attempt in (progress, Progress(progress.volume)):
        board.apply(VolumeStarted(attempt, "/disks/web.img"), 1.0)
        attempt.blocks_total = attempt.blocks_put = attempt.puts.attempted = 100
        attempt.puts.throttled, attempt.in_flight, attempt.failures = 2, 7, {"reset": 1}
        attempt.puts.latencies.record(0.1)
    total = board.total
    assert (total.blocks_put, total.blocks_total, total.in_flight) == (100, 100, 7)
    assert (total.puts.attempted, total.puts.throttled, total.puts.latencies.count) == (200, 4, 2)
    assert total.failures == {"reset": 2}


def test_ended_volumes_leave_the_board_and_are_counted(progress):
    board = board_with(progress)
    board.apply(VolumeEnded(VolumeOutcome("web-01", "/x", "completed")), 1.0)
    board.apply(VolumeEnded(VolumeOutcome("db-02", "/y", "failed", exit_code=6)), 1.0)
    assert board.figures(2.0) == []
    assert (board.completed, board.failed) == (1, 1)
