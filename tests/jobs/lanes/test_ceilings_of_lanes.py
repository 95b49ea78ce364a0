"""What a job may use of its account's quota changes while it runs: its lanes follow at once."""

import asyncio
from functools import partial
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.config.settings import JobSettings
from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot
from bulkput.jobs.lanes.copy_crew import CopyCrew
from bulkput.jobs.lanes.crew import CrewParts
from bulkput.jobs.lanes.lane_upload import LaneUpload
from bulkput.jobs.lanes.lane_volume import LaneTools
from bulkput.jobs.lanes.orders import PutOrder
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.lanes.pool_parts import AccountRate, parts_of_job
from bulkput.jobs.lanes.protocol import (
    CallKind,
    CallReport,
    CallShare,
    Held,
    LaneLeft,
    LaneProgress,
    Share,
)
from bulkput.jobs.lanes.put_crew import PutCrew
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import GET_RATE_LIMITS_DEFAULT, RateLimits
from bulkput.model.clock import LoopClock
from bulkput.model.progress import Progress
from bulkput.pace.gate import Fence
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pace.rate import TARGET_SHARE
from bulkput.pipeline.budget import ByteBudget


class Lane:
    """Keeps what it is sent."""

    is_retired = is_over = is_ending = False
    busy_share = 0.0

    def __init__(self, name):
        self.name, self.sent = name, []

    def order(self, *_):
        pass

    def send(self, message):
        self.sent.append(message)

    @property
    def share(self):
        return [each for each in self.sent if isinstance(each, Share)][-1]


def nothing(*_):
    pass


def context(account):
    settings = {
        "version": 1,
        "tuning": {"processes": 3},
        "volumes": [{"name": "disk", "source": "/dev/null"}],
    }
    others = dict.fromkeys(JobContext.__dataclass_fields__)
    given = {
        "settings": JobSettings.model_validate(settings),
        "rate_limits": RateLimits(1000.0, 1000.0),
        "get_rate_limits": GET_RATE_LIMITS_DEFAULT,
        "account": account,
        "get_account": AccountPacer(1000.0),
        "service": SimpleNamespace(region="eu-west-1", credentials=None),
        "clock": LoopClock(),
    }
    return JobContext(**(others | given))


def with_lanes(pool, account, fence=None, make=PutCrew, kind=CallKind.PUTS, others=()):
    """Return lanes that put a volume together with this process, or get its blocks."""
    budget = ByteBudget(1 << 30)
    pacer = Pacer(ceiling_puts_per_s=1000, in_flight_max=64, account=account, clock=LoopClock())
    queue = SimpleNamespace(is_exhausted=False)
    calls = PacedCalls(kind, pacer, Progress("disk"), 1000.0, 64)
    parts = dict.fromkeys(CrewParts.__dataclass_fields__)
    given = {
        "calls": [calls, *others],
        "budget": budget,
        "clock": LoopClock(),
        "fence": fence or Fence(),
    }
    crew = make(CrewParts(**(parts | given)), nothing, queue)
    pool._crews.append(crew)
    lanes = [Lane("1"), Lane("2")]
    for lane in lanes:
        pool._crew_of[lane] = crew
        crew.join(lane)
        crew._members[lane].is_ready = True
    return lanes


@pytest.mark.parametrize("ceilings", [(300.0, 0.0, 900.0), (0.0, 0.5, 0.0, 5000.0)])
def test_all_processes_of_a_volume_share_what_is_allowed_now(ceilings):
    async def follow():
        account = AccountPacer(1000.0)
        pool = LanePool(parts_of_job(context(account)))
        lanes = with_lanes(pool, account)
        for ceiling in ceilings:
            pool.set_ceiling(CallKind.PUTS, ceiling)
            own = account.rate_puts_per_s / TARGET_SHARE
            assert own + sum(lane.share.calls[0].account_per_s for lane in lanes) == pytest.approx(
                ceiling
            )
            assert (own == 0) == (ceiling == 0)

    run_virtual(follow())


def copying(puts, gets):
    """Return a pool with a copy, its lanes, and the pacer of this process's gets."""
    parts = parts_of_job(context(puts))
    rate = AccountRate(gets, 700.0)
    parts = parts._replace(accounts={**parts.accounts, CallKind.SOURCE_GETS: rate})
    pool, progress = LanePool(parts), Progress("disk")
    pacer = Pacer(ceiling_puts_per_s=400, in_flight_max=90, account=gets, clock=LoopClock())
    calls = PacedCalls(CallKind.SOURCE_GETS, pacer, progress, 400.0, 90)
    copied = CopiedSnapshot(None, None, calls, 0.0, None)
    lanes = with_lanes(pool, puts, make=partial(CopyCrew, copied=copied), others=[calls])
    return pool, lanes, pacer


def test_a_copy_shares_the_rates_of_both_ends_and_no_end_is_asked_for_more():
    """The snapshot's own and the account's, at each end: four ceilings, each for all processes."""

    async def copy():
        puts, gets = AccountPacer(1000.0), AccountPacer(1000.0)
        pool, lanes, pacer = copying(puts, gets)
        pool.set_ceiling(CallKind.PUTS, 900.0)
        for of_all, own, parts_of_lanes in (
            (900.0, puts.rate_puts_per_s, [each.share.calls[0].account_per_s for each in lanes]),
            (1000.0, None, [each.share.calls[0].snapshot_per_s for each in lanes]),
            (700.0, gets.rate_puts_per_s, [each.share.calls[1].account_per_s for each in lanes]),
            (400.0, None, [each.share.calls[1].snapshot_per_s for each in lanes]),
        ):
            assert parts_of_lanes == [pytest.approx(of_all / 3)] * 2
            assert own is None or own / TARGET_SHARE == pytest.approx(of_all / 3)
        assert pacer.rate_puts_per_s / TARGET_SHARE == pytest.approx(400 / 3)
        assert [each.share.calls[1].in_flight_max for each in lanes] == [30, 30]
        assert [each.share.calls[0].in_flight_max for each in lanes] == [21, 21]
        assert pool._allowed_puts_per_s() == pytest.approx(TARGET_SHARE * 400 / 3), "the slower end"

    run_virtual(copy())


def test_calls_at_either_end_are_whose_they_are_also_when_a_lane_goes_and_comes_back():
    async def copy():
        pool, (lane, _), _ = copying(AccountPacer(1000.0), AccountPacer(1000.0))
        (crew,) = pool._crews

        def hear(puts, gets, held_s):
            of_puts, of_gets = Progress("disk"), Progress("disk")
            of_puts.puts.attempted, of_gets.gets.attempted = puts, gets
            reports = [CallReport(each, Held(0.0, held_s)) for each in (of_puts, of_gets)]
            crew.hear(lane, LaneProgress(tuple(reports), 0.5, 0))

        def seen():
            lanes = [(calls.attempted_by(lane), calls.account_held_s) for calls in crew.calls]
            return [calls.own_attempted for calls in crew.calls], lanes

        crew.calls[0].progress.puts.attempted += 3
        crew.calls[1].progress.gets.attempted += 4
        hear(20, 30, 5.0)
        assert seen() == ([3, 4], [(20, 5.0), (30, 5.0)])
        crew.hear(lane, LaneLeft())
        assert seen() == ([3, 4], [(0, 5.0), (0, 5.0)])
        crew.join(lane)
        hear(1, 2, 0.5)
        assert seen() == ([3, 4], [(1, 5.5), (2, 5.5)])
        assert [calls.attempted for calls in crew.calls] == [24, 36]

    run_virtual(copy())


@pytest.mark.parametrize("kind", [CallKind.SOURCE_GETS, CallKind.GETS])
def test_a_copy_within_one_account_keeps_to_its_rate_of_gets_copying_and_reading_back(kind):
    """Both ends have one bucket then: what the kind that is idle leaves is no second ceiling."""

    async def copy():
        puts, gets = AccountPacer(1000.0), AccountPacer(1000.0)
        parts = parts_of_job(context(puts))
        rate = AccountRate(gets, 1000.0)
        accounts = {**parts.accounts, CallKind.GETS: rate, CallKind.SOURCE_GETS: rate}
        pool = LanePool(parts._replace(accounts=accounts))
        lanes = with_lanes(pool, gets, kind=kind)
        pool._divide()
        parts_of_lanes = [each.share.calls[0].account_per_s for each in lanes]
        assert [*parts_of_lanes, gets.rate_puts_per_s / TARGET_SHARE] == [
            pytest.approx(1000 / 3)
        ] * 3

    run_virtual(copy())


def test_a_lane_hears_until_when_it_may_put():
    async def live():
        account, fence = AccountPacer(1000.0), Fence(is_needed=True)
        fence.hold_until(77.0)
        pool = LanePool(parts_of_job(context(account)))
        lanes = with_lanes(pool, account, fence)
        pool.set_ceiling(CallKind.PUTS, 100.0)
        assert [lane.share.until_s for lane in lanes] == [77.0, 77.0]

    run_virtual(live())


def test_a_lane_puts_nothing_when_that_time_is_over():
    async def live():
        settings = JobSettings.model_validate(
            {"version": 1, "volumes": [{"name": "disk", "source": "/dev/null"}]}
        )
        service = SimpleNamespace(clock=LoopClock())
        tools = LaneTools(settings, service, None, nothing)
        others = dict.fromkeys(PutOrder._fields)
        given = {"volume": "disk", "block_count": 9, "window_blocks": 8}
        upload = LaneUpload(PutOrder(**(others | given)), (), tools)
        gate = upload.calls[0].pacer._gate
        assert gate.pause_s() > 0, "no share has come"
        upload.take(Share((CallShare(100.0, 100.0, 8),), 1 << 24))
        assert gate.pause_s() == 0
        upload.take(Share((CallShare(100.0, 100.0, 8),), 1 << 24, until_s=1.0))
        assert gate.pause_s() > 0

    run_virtual(live())


def report(pool, lane, puts, held):
    """Let a lane say what it has put so far, and how long it waited."""
    progress = Progress("disk")
    progress.puts.attempted = puts
    pool._crew_of[lane].hear(lane, LaneProgress((CallReport(progress, held),), 0.5, 0))


def test_of_few_puts_lanes_that_wait_for_them_get_equal_parts_and_an_idle_one_leaves_its():
    async def live():
        account = AccountPacer(3.0)
        pool = LanePool(parts_of_job(context(account)))
        busy, idle = with_lanes(pool, account)
        pool.set_ceiling(CallKind.PUTS, 3.0)
        waiting = asyncio.create_task(pool._crews[0].calls[0].pacer.admit())
        for second in range(1, 9):
            account._paced.bucket.take(second, second)  # this process waits all the time
            await asyncio.sleep(1)
            report(pool, busy, second % 2 + second, Held(0.0, float(second)))
            report(pool, idle, 0, Held())
            pool._divide()
        assert busy.share.calls[0].account_per_s == pytest.approx(1.45)
        assert idle.share.calls[0].account_per_s == pytest.approx(0.1)
        waiting.cancel()

    run_virtual(live())


def test_how_long_all_processes_waited_so_far_never_falls_as_lanes_and_volumes_end():
    async def live():
        account = AccountPacer(1000.0)
        pool = LanePool(parts_of_job(context(account)))
        first, second = with_lanes(pool, account)
        (crew,) = pool._crews
        account._paced._held_s = 1.0
        report(pool, first, 5, Held(9.0, 2.0))
        report(pool, second, 5, Held(9.0, 3.0))
        report(pool, second, 6, Held(9.0, 4.0))
        seen = [pool.held_s(CallKind.PUTS, 0.0)]
        crew.hear(first, LaneLeft())
        seen.append(pool.held_s(CallKind.PUTS, 0.0))
        with pool._at_work(crew):
            pool._crews.remove(crew)
        seen.append(pool.held_s(CallKind.PUTS, 0.0))
        assert (seen, pool.held_s(CallKind.GETS, 0.0)) == ([7.0, 7.0, 7.0], 0.0)

    run_virtual(live())
