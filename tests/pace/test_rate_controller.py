from itertools import pairwise

import pytest

from bulkput.pace.rate import CUT_SHARE, TARGET_SHARE, RateController


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


def test_one_throttle_cuts_a_little_and_at_once():
    controller = RateController(1000)
    now_s = acknowledge(controller, 0.0, 2.0)
    controller.on_throttle(now_s, now_s - 0.1)
    assert controller.rate_puts_per_s == pytest.approx(995 * CUT_SHARE)


def test_throttles_of_puts_sent_before_the_cut_are_one_event():
    controller = RateController(1000)
    now_s = acknowledge(controller, 0.0, 2.0)
    controller.on_throttle(now_s, now_s - 0.1)
    # They were on the way when the rate was cut. One in twenty is what the cut already covers.
    throttled_at(controller, now_s + 0.001, share=0.95, count=60)
    assert controller.rate_puts_per_s > 995 * CUT_SHARE * 0.93


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_one_latency_of_answers_gives_the_limit_that_the_service_accepts(share):
    controller = RateController(1000)
    now_s = acknowledge(controller, 0.0, 2.0)
    throttled_at(controller, now_s, share=share, count=100)
    assert controller.rate_puts_per_s == pytest.approx(995 * share * CUT_SHARE, rel=0.25)


def test_a_throttle_of_a_put_sent_after_the_cut_cuts_again():
    controller = RateController(1000)
    now_s = acknowledge(controller, 0.0, 2.0)
    controller.on_throttle(now_s, now_s - 0.1)
    before = controller.rate_puts_per_s
    now_s = acknowledge(controller, now_s, now_s + 0.1)
    controller.on_throttle(now_s + 0.1, now_s)
    assert controller.rate_puts_per_s == pytest.approx(before * CUT_SHARE, rel=0.02)


def test_after_a_cut_to_a_third_it_is_back_at_the_ceiling_within_ten_seconds():
    controller = RateController(1000)
    now_s = throttled_at(controller, acknowledge(controller, 0.0, 2.0), share=0.3)
    assert controller.rate_puts_per_s < 400
    acknowledge(controller, now_s, now_s + 9.5)
    assert controller.rate_puts_per_s > 950


def test_it_lingers_at_the_limit_and_speeds_up_beyond_it():
    controller = RateController(1000)
    start_s = throttled_at(controller, acknowledge(controller, 0.0, 2.0), share=0.5)
    rates = []
    for second in range(5):
        acknowledge(controller, start_s + second, start_s + second + 1)
        rates.append(controller.rate_puts_per_s)
    gains = [after - before for before, after in pairwise(rates[1:])]
    assert rates == sorted(rates)
    assert gains == sorted(gains)
    assert rates[1] < rates[0] * 1.05


def test_a_rate_that_is_not_used_does_not_grow():
    controller = RateController(1000)
    now_s = throttled_at(controller, acknowledge(controller, 0.0, 2.0), share=0.5)
    before = controller.rate_puts_per_s
    for n in range(600):
        at_s = now_s + n * 0.1
        controller.on_ack(at_s, at_s - 0.1)
    assert controller.rate_puts_per_s <= before * 1.1


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
