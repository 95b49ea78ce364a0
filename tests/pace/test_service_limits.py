"""The real pacer against the model of the service: its limits are found and held."""

import pytest
from service_model import Path, Service
from virtual_time import run_virtual

SEEDS = [1, pytest.param(2, marks=pytest.mark.long)]


def back_after_s(volume, from_s, puts_per_s):
    """Return how long after ``from_s`` a full second at ``puts_per_s`` has been seen."""
    for tenth in range(300):
        start_s = from_s + tenth / 10
        if volume.rate_puts_per_s(start_s, start_s + 1) >= puts_per_s:
            return start_s + 1 - from_s
    return float("inf")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("burst_puts", [15, 100])
@pytest.mark.parametrize("quota", [400, 1000])
def test_a_known_quota_is_held_from_start_to_end(seed, quota, burst_puts):
    async def play():
        service = Service(seed=seed)
        volume = service.volume(
            quota_puts_per_s=quota, ceiling_puts_per_s=quota, burst_puts=burst_puts
        )
        await service.run(40)
        assert volume.rate_puts_per_s(0, 40) >= 0.98 * quota
        assert volume.throttled_share() < 0.005
        assert volume.in_flight_peak < max(64, 2 * 0.12 * quota) + 1

    run_virtual(play())


@pytest.mark.parametrize(
    ("quota", "burst_puts", "latency_s"),
    [
        (700, 20, 0.1),
        (700, 70, 0.1),
        (700, 700, 0.1),
        (300, 30, 0.1),
        (100, 10, 0.1),
        (700, 70, 0.02),
        (700, 70, 0.3),
    ],
)
def test_an_unknown_quota_below_the_ceiling_is_found_and_held(quota, burst_puts, latency_s):
    async def play():
        service = Service(seed=3)
        volume = service.volume(
            quota_puts_per_s=quota,
            burst_puts=burst_puts,
            path=Path(latency_s=latency_s, jitter_s=latency_s / 5),
        )
        await service.run(45)
        assert volume.rate_puts_per_s(5, 45) >= 0.98 * quota
        assert volume.throttled_share(5, 45) < 0.005

    run_virtual(play())


@pytest.mark.parametrize("outward_share", [0.05, 0.5])
def test_an_unknown_quota_is_used_in_full_from_the_first_put_on(outward_share):
    async def play():
        service = Service(seed=1)
        path = Path(outward_share=outward_share)
        volume = service.volume(quota_puts_per_s=400, burst_puts=40, path=path)
        await service.run(60)
        assert volume.rate_puts_per_s(0, 60) >= 0.985 * 400
        assert volume.throttled_share() < 0.005

    run_virtual(play())


@pytest.mark.parametrize("seed", SEEDS)
def test_handshakes_of_new_connections_do_not_hide_what_more_in_flight_brings(seed):
    async def play():
        service = Service(seed=seed)
        path = Path(outward_share=0.05, handshake_s=0.006)
        volume = service.volume(quota_puts_per_s=400, burst_puts=40, path=path)
        await service.run(20)
        assert volume.rate_puts_per_s(1.5, 20) >= 0.98 * 400

    run_virtual(play())


@pytest.mark.parametrize("seed", SEEDS)
def test_puts_of_one_instant_that_are_refused_do_not_rate_a_quota_at_nothing(seed):
    async def play():
        service = Service(seed=seed)
        path = Path(latency_s=0.005, jitter_s=0.002)
        volume = service.volume(
            quota_puts_per_s=40, burst_puts=4, ceiling_puts_per_s=50_000, path=path
        )
        await service.run(30)
        assert volume.rate_puts_per_s(0, 3) >= 0.8 * 40
        assert volume.rate_puts_per_s(3, 30) >= 0.95 * 40

    run_virtual(play())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quota_that_was_next_to_nothing_is_found_again_when_it_is_back(seed):
    async def play():
        service = Service(seed=seed)
        volume = service.volume(quota_puts_per_s=1000)
        service.at(5, lambda: volume.quota.change(5, 2))
        service.at(25, lambda: volume.quota.change(25, 1000))
        await service.run(70)
        assert back_after_s(volume, 25, 0.95 * 1000) <= 30
        assert volume.rate_puts_per_s(55, 70) >= 0.98 * 1000

    run_virtual(play())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("burst_puts", [20, 100])
def test_a_quota_that_is_cut_and_restored_is_followed_within_ten_seconds(seed, burst_puts):
    async def play():
        service = Service(seed=seed)
        volume = service.volume(quota_puts_per_s=1000, burst_puts=burst_puts)
        service.at(20, lambda: volume.quota.change(20, 300))
        service.at(40, lambda: volume.quota.change(40, 1000))
        await service.run(60)
        # Skips the puts of the old rate that are still on their way back.
        assert back_after_s(volume, 20.2, 0.95 * 300) <= 10
        assert volume.rate_puts_per_s(25, 40) >= 0.98 * 300
        assert back_after_s(volume, 40, 0.95 * 1000) <= 10
        assert volume.rate_puts_per_s(50, 60) >= 0.98 * 1000
        assert volume.throttled_share() < 0.02

    run_virtual(play())


@pytest.mark.parametrize("seed", SEEDS)
def test_latency_that_steps_up_and_down_costs_less_than_ten_seconds(seed):
    async def play():
        service = Service(seed=seed)
        path = Path(latency_s=0.02, jitter_s=0.004)
        volume = service.volume(quota_puts_per_s=1000, path=path)

        def step(latency_s):
            path.latency_s, path.jitter_s = latency_s, latency_s / 5

        service.at(15, lambda: step(0.3))
        service.at(35, lambda: step(0.02))
        await service.run(50)
        assert volume.rate_puts_per_s(2, 15) >= 980
        assert back_after_s(volume, 15, 950) <= 10
        assert volume.rate_puts_per_s(25, 35) >= 980
        # The puts of the long way come back beside those of the short one at first.
        assert back_after_s(volume, 35.5, 950) <= 9.5
        assert volume.in_flight_peak <= 2 * 300

    run_virtual(play())


@pytest.mark.parametrize("ceiling", [600, 1000])
def test_two_volumes_share_an_account_fairly(ceiling):
    async def play():
        service = Service(
            seed=1,
            account_puts_per_s=600,
            account_burst_puts=60,
            account_ceiling_puts_per_s=ceiling,
        )
        volumes = [service.volume(quota_puts_per_s=1000) for _ in range(2)]
        await service.run(30)
        rates = [volume.rate_puts_per_s(2, 30) for volume in volumes]
        assert sum(rates) >= 0.98 * 600
        assert min(rates) >= 0.4 * 600
        assert max(volume.throttled_share(2, 30) for volume in volumes) < 0.006

    run_virtual(play())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_link_that_carries_less_than_the_quota_is_filled_and_not_flooded(seed):
    async def play():
        service = Service(seed=seed)
        volume = service.volume(quota_puts_per_s=1000, path=Path(link_puts_per_s=400))
        await service.run(40)
        assert volume.rate_puts_per_s(2, 40) >= 0.97 * 400
        assert volume.in_flight_peak <= 128
        late = [limit for at_s, limit in volume.limits if at_s > 10]
        assert sum(late) / len(late) <= 80

    run_virtual(play())


def test_a_service_that_slows_down_with_concurrency_is_not_flooded():
    async def play():
        service = Service(seed=1)
        volume = service.volume(
            quota_puts_per_s=2000,
            ceiling_puts_per_s=2000,
            in_flight_max=4096,
            path=Path(latency_s=0.05, jitter_s=0.01, latency_per_put_s=0.001),
        )
        await service.run(40)
        assert volume.rate_puts_per_s(5, 40) >= 700
        assert volume.in_flight_peak <= 600

    run_virtual(play())


def test_a_source_that_is_slower_than_the_quota_keeps_its_own_pace():
    async def play():
        service = Service(seed=1)
        volume = service.volume(quota_puts_per_s=1000, demand_puts_per_s=200)
        await service.run(20)
        assert volume.rate_puts_per_s(1, 20) >= 0.98 * 200
        assert not volume.throttled_s
        assert volume.pacer._in_flight_controller.limit <= 64

    run_virtual(play())
