"""How the account's puts are divided among processes, by arithmetic alone."""

import random

import pytest

from bulkput.pace.demand import Use
from bulkput.pace.fair_share import LEAST_SHARE, FairShare, divided


class Volumes:
    """Volumes that send what they can, at most their share, second after second.

    Calls are whole: at 2 a second there is one more or less in each look.
    """

    def __init__(self, ceiling, **able):
        self.division = FairShare(ceiling)
        self.able = able
        self.sent = dict.fromkeys(able, 0.0)
        self.held_s = dict.fromkeys(able, 0.0)
        self.now_s = 100.0
        self.shares = {}
        self.used = 0.0
        self.divide()

    def divide(self):
        uses = {name: Use(int(self.sent[name]), self.held_s[name]) for name in self.able}
        self.shares = self.division.divide(self.now_s, uses)
        assert sum(self.shares.values()) == pytest.approx(self.division._ceiling)

    def run(self, seconds):
        before = sum(self.sent.values())
        for _ in range(seconds * 2):
            self.now_s += 0.5
            for name, rate in self.able.items():
                allowed = 0.995 * self.shares[name]
                self.sent[name] += min(rate, allowed) / 2
                self.held_s[name] += 0.5 * (rate > allowed)
            self.divide()
        self.used = (sum(self.sent.values()) - before) / seconds / self.division._ceiling
        return {name: round(share) for name, share in self.shares.items()}


def test_volumes_of_which_nothing_is_known_get_equal_shares():
    assert FairShare(3000).divide(
        0.0, {"a": Use(0, 0.0), "b": Use(7, 0.0), "c": Use(0, 3.0)}
    ) == dict.fromkeys("abc", 1000)


def test_hungry_volumes_keep_equal_shares():
    assert Volumes(2000, a=5000, b=5000, c=5000, d=5000).run(20) == dict.fromkeys("abcd", 500)


def test_what_a_slow_volume_leaves_goes_to_the_others():
    shares = Volumes(1200, slow=40, fast=5000, faster=9000).run(5)
    assert shares == {"slow": 60, "fast": 570, "faster": 570}


def test_a_slow_volume_that_can_do_more_has_its_equal_share_within_three_seconds():
    volumes = Volumes(1200, a=0, b=5000)
    assert volumes.run(5) == {"a": round(600 * LEAST_SHARE), "b": 1140}
    volumes.able["a"] = 5000
    assert volumes.run(3) == {"a": 600, "b": 600}


def test_the_share_of_a_volume_that_ended_goes_to_the_others_at_once():
    volumes = Volumes(1000, a=5000, b=5000)
    volumes.run(3)
    del volumes.able["a"]
    volumes.divide()
    assert volumes.shares == {"b": 1000}


def test_where_the_account_is_found_smaller_than_thought_shares_stay_equal():
    # Each finds its own part of 1000 below a ceiling of 4000, one a little more than the other, and
    # that holds its calls back.
    division, sent, held_s, shares = FairShare(4000), {"a": 0, "b": 0}, 0.0, {}
    for second in range(30):
        sent, held_s = {"a": sent["a"] + 540, "b": sent["b"] + 460}, held_s + 1
        shares = division.divide(second, {name: Use(sent[name], held_s) for name in sent})
    assert shares == {"a": 2000, "b": 2000}


@pytest.mark.parametrize("ceiling", [1, 4, 8, 30])
def test_few_calls_a_second_are_shared_evenly_and_used_up(ceiling):
    volumes = Volumes(ceiling, a=500, b=500, c=500, d=500)
    for _ in range(20):
        volumes.run(1)
        assert list(volumes.shares.values()) == [ceiling / 4] * 4
    volumes.run(20)
    assert volumes.used > 0.99


def test_of_few_calls_one_that_was_idle_has_its_part_again_within_three_seconds():
    volumes = Volumes(4, a=0, b=500)
    volumes.run(5)
    assert volumes.shares["a"] == pytest.approx(2 * LEAST_SHARE)
    volumes.able["a"] = 500
    volumes.run(3)
    assert volumes.shares == {"a": 2, "b": 2}


def test_no_volumes_need_no_shares():
    assert FairShare(1000).divide(0.0, {}) == {}


def test_any_demands_share_out_the_total_without_envy():
    chance = random.Random(7)
    for _ in range(500):
        demands = {
            n: chance.choice([0.0, 5.0, float("inf"), chance.expovariate(0.01)]) for n in range(9)
        }
        shares = divided(1000.0, demands)
        assert sum(shares.values()) == pytest.approx(1000.0)
        if sum(demands.values()) > 1000:
            most = max(shares.values())
            for name, share in shares.items():
                assert share <= demands[name]
                assert share == pytest.approx(min(demands[name], most))
        else:
            assert all(shares[name] >= demands[name] for name in demands)
