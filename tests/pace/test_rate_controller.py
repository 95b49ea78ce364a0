import pytest

from bulkput.pace.rate import DIP_SHARE, PROBE_SHARE, REST_SHARE, TARGET_SHARE, RateController


def acknowledge(controller, start_s, stop_s, *, latency_s=0.1):
    """Acknowledge puts at the controller's own rate between two times; return the last time."""
    now_s = start_s
    while now_s < stop_s:
        now_s += 1 / controller.rate_puts_per_s
        controller.on_ack(now_s, now_s - latency_s)
    return now_s


def throttled_at(controller, now_s, *, share, count=100, latency_s=0.1):
    """Answer ``count`` puts of one latency, of which ``share`` are accepted; return the time."""
    owed = 0.0
    for n in range(count):
        at_s = now_s + n * latency_s / count
        owed += share
        if owed >= 1:
            owed -= 1
            controller.on_ack(at_s, at_s - latency_s)
        else:
            controller.on_throttle(at_s, at_s - latency_s)
    return now_s + latency_s


def test_it_starts_just_below_the_ceiling():
    assert RateController(1000).rate_puts_per_s == pytest.approx(995)


def test_a_ceiling_below_one_put_a_second_is_kept():
    assert RateController(0.5).rate_puts_per_s == pytest.approx(0.4975)


def test_without_a_throttle_it_stays_there():
    controller = RateController(1000)
    acknowledge(controller, 0.0, 5.0)
    assert controller.rate_puts_per_s == 1000 * TARGET_SHARE


def held(ceiling=1000):
    """Return a controller that has held its ceiling for a while, and the time."""
    controller = RateController(ceiling)
    return controller, acknowledge(controller, 0.0, 4.0)


def test_one_throttle_of_a_rate_that_was_held_costs_a_short_dip():
    controller, now_s = held()
    controller.on_throttle(now_s, now_s - 0.1)
    assert controller.rate_puts_per_s == pytest.approx(995 * DIP_SHARE)
    acknowledge(controller, now_s, now_s + 0.3)
    assert controller.rate_puts_per_s == pytest.approx(995 * REST_SHARE)


def test_throttles_that_come_together_are_one_event():
    controller, now_s = held()
    # They were on the way when the rate was cut: a bunch of them is no lower limit.
    throttled_at(controller, now_s, share=0.6, count=20, latency_s=0.02)
    acknowledge(controller, now_s + 0.02, now_s + 0.5)
    assert controller.rate_puts_per_s == pytest.approx(995 * REST_SHARE, rel=0.01)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_a_limit_that_was_never_held_is_known_after_one_latency_of_answers(share):
    controller = RateController(1000)
    now_s = acknowledge(controller, 0.0, 0.5)
    throttled_at(controller, now_s, share=share, count=100)
    controller.on_ack(now_s + 0.101, now_s + 0.001)
    assert controller.rate_puts_per_s == pytest.approx(1000 * share * DIP_SHARE, abs=100)


def test_a_limit_that_falls_is_found_by_what_is_served():
    controller, now_s = held()
    level = 0.0
    end_s = now_s + 3
    throttled = 0
    while now_s < end_s:
        step_s = 1 / controller.rate_puts_per_s
        now_s += step_s
        level = min(30.0, level + 300 * step_s)
        if level >= 1:
            level -= 1
            controller.on_ack(now_s, now_s - 0.02)
        else:
            throttled += 1
            controller.on_throttle(now_s, now_s - 0.02)
    assert controller.rate_puts_per_s == pytest.approx(300, rel=0.06)
    assert throttled < 400


def test_a_bucket_that_stood_full_says_nothing_about_the_limit():
    controller, now_s = held()
    controller.on_throttle(now_s, now_s - 0.1)
    for n in range(1, 40):  # hardly anything to send for four seconds
        controller.on_ack(now_s + n * 0.1, now_s + n * 0.1 - 0.01)
    now_s = acknowledge(controller, now_s + 4, now_s + 5)
    controller.on_throttle(now_s, now_s - 0.01)
    now_s = acknowledge(controller, now_s, now_s + 0.3)
    assert controller.rate_puts_per_s == pytest.approx(995 * REST_SHARE, rel=0.01)


def test_after_a_cut_to_a_third_it_is_back_at_the_ceiling_within_ten_seconds():
    controller = RateController(1000)
    now_s = throttled_at(controller, acknowledge(controller, 0.0, 2.0), share=0.3)
    assert controller.rate_puts_per_s < 400
    acknowledge(controller, now_s, now_s + 9.5)
    assert controller.rate_puts_per_s > 950


def test_throttles_after_a_stall_at_a_ceiling_that_was_won_back_are_no_lower_limit():
    controller = RateController(1000)
    now_s = throttled_at(controller, acknowledge(controller, 0.0, 2.0), share=0.3)
    now_s = acknowledge(controller, now_s, now_s + 13)
    assert controller.rate_puts_per_s == 995
    # What stood still came at once, and overflowed the service's bucket.
    throttled_at(controller, now_s, share=0.95, count=100)
    acknowledge(controller, now_s + 0.1, now_s + 1.0)
    assert controller.rate_puts_per_s == pytest.approx(995 * REST_SHARE, rel=0.01)


def test_an_answer_that_comes_late_brings_no_old_limit_back():
    controller = RateController(1000)
    cut_s = acknowledge(controller, 0.0, 1.0)
    now_s = throttled_at(controller, cut_s, share=0.3)
    now_s = acknowledge(controller, now_s, now_s + 13)
    controller.on_ack(now_s, cut_s - 0.05)
    now_s = acknowledge(controller, now_s, now_s + 3)
    controller.on_throttle(now_s, now_s - 0.1)
    acknowledge(controller, now_s, now_s + 0.5)
    assert controller.rate_puts_per_s == pytest.approx(995 * REST_SHARE, rel=0.01)


def test_it_rests_below_the_limit_then_probes_and_speeds_up_only_when_more_is_proven():
    controller = RateController(1000)
    start_s = throttled_at(controller, acknowledge(controller, 0.0, 0.5), share=0.5)
    acknowledge(controller, start_s, start_s + 1.5, latency_s=0.02)
    rest = controller.rate_puts_per_s
    acknowledge(controller, start_s + 1.5, start_s + 2.6, latency_s=0.02)
    probe = controller.rate_puts_per_s
    assert probe == pytest.approx(rest * (1 + PROBE_SHARE) / REST_SHARE)
    rates = []
    for half in range(5, 14):
        acknowledge(controller, start_s + half / 2, start_s + half / 2 + 0.5, latency_s=0.02)
        rates.append(controller.rate_puts_per_s)
    assert rates == sorted(rates)
    assert rates[0] <= probe * 1.05
    assert rates[-1] > 1.5 * probe


def test_a_rate_that_is_not_used_does_not_grow():
    controller = RateController(1000)
    now_s = throttled_at(controller, acknowledge(controller, 0.0, 0.5), share=0.5)
    acknowledge(controller, now_s, now_s + 1.0)
    before = controller.rate_puts_per_s
    for n in range(600):
        at_s = now_s + 1.0 + n * 0.1
        controller.on_ack(at_s, at_s - 0.1)
    assert controller.rate_puts_per_s <= before * (1 + PROBE_SHARE) / REST_SHARE * 1.001


def test_silence_does_not_make_it_grow():
    controller = RateController(1000)
    now_s = throttled_at(controller, acknowledge(controller, 0.0, 2.0), share=0.5)
    now_s = acknowledge(controller, now_s, now_s + 1.0)
    before = controller.rate_puts_per_s
    controller.on_ack(now_s + 3600, now_s + 3599.9)
    assert controller.rate_puts_per_s <= before * 1.05


def test_it_never_stops_altogether():
    controller = RateController(1000)
    for n in range(10_000):
        controller.on_throttle(float(n), n - 0.1)
    assert controller.rate_puts_per_s >= 0.9
