"""What measurements mean: bottleneck, rates and advice, by the table."""

import json

import pytest

from bulkput.jobs.bench.measured import Connecting, Measured, Processor, Putting, Reading
from bulkput.jobs.bench.verdict import verdict_of
from bulkput.jobs.session.rate_limits import RateLimits

MIB = 1 << 20


def measured(
    one=1500.0, several=None, idle=1.0, direct_mib=None, cached_mib=4000.0, memory=8e9, **more
):
    rates = [one] if several is None else [one, several]
    puttings = tuple(
        Putting(1 if at == 0 else 4, rate, 0.001, 0.0004, idle) for at, rate in enumerate(rates)
    )
    reading = None
    if direct_mib is not None:
        reading = Reading("/dev/sdb", direct_mib * MIB, cached_mib * MIB)
    return Measured(
        **{"processors": 4, "load": 0.1} | more,
        processor=Processor(memory, 7e9, 1.6e9, 2e9),
        start_s=0.6,
        putting=puttings,
        reading=reading,
    )


@pytest.mark.parametrize(
    ("facts", "quotas", "bottleneck", "one", "several"),
    [
        ({}, (1000, 1000), "quota", 1000, 1000),
        ({}, (1000, 600), "quota", 600, 600),  # the account's counts for one snapshot too
        ({}, (1000, 5000), "quota", 1000, 1500),
        ({"one": 700}, (1000, 1000), "processor", 700, 700),
        ({"one": 700, "several": 1400}, (1000, 5000), "quota", 1000, 1400),
        ({"one": 700, "several": 900}, (1000, 1000), "processor", 900, 900),
        # Nothing is idle, so an upload stays with one process; several uploads do not.
        ({"one": 700, "several": 900, "idle": 0.1}, (1000, 1000), "processor", 700, 900),
        ({"one": 700, "several": 600}, (1000, 1000), "processor", 700, 700),
        ({"direct_mib": 125}, (1000, 1000), "source", 250, 250),
        ({"direct_mib": 2000, "cached_mib": 100}, (1000, 1000), "source", 200, 200),  # a decoder
        ({"direct_mib": 125, "one": 100}, (1000, 1000), "processor", 100, 100),
    ],
)
def test_the_slowest_part_decides(facts, quotas, bottleneck, one, several):
    verdict = verdict_of(measured(**facts), RateLimits(*quotas))
    assert verdict.bottleneck == bottleneck
    assert verdict.snapshot_puts_per_s == pytest.approx(one)
    assert verdict.all_puts_per_s == pytest.approx(several)
    assert verdict.tib_s == pytest.approx(2_097_152 / one)
    assert bottleneck in verdict.sentence


def test_a_source_without_a_way_past_the_cache_counts_as_it_is_read():
    facts = measured(direct_mib=0, cached_mib=50)
    facts = Measured(**vars(facts) | {"reading": Reading("s3://b/k", None, 50 * MIB)})
    assert verdict_of(facts, RateLimits(1000, 1000)).snapshot_puts_per_s == pytest.approx(100)


def test_what_the_host_reaches_without_source_and_quota_is_kept_apart():
    facts = measured(one=1500, several=3000, direct_mib=125)
    verdict = verdict_of(facts, RateLimits(1000, 1000))
    assert (verdict.host_snapshot_puts_per_s, verdict.host_all_puts_per_s) == (3000, 3000)


FAR = Connecting("https://ebs.eu-west-1.amazonaws.com", 0.09, 0.1, 0.1)
NEAR = Connecting("https://ebs.eu-west-1.amazonaws.com", 0.001, 0.004, 0.002)


@pytest.mark.parametrize(
    ("facts", "quotas", "words"),
    [
        ({}, (1000, 1000), []),
        ({"connecting": NEAR}, (1000, 1000), []),
        ({"connecting": FAR}, (1000, 1000), ["Region of the snapshot: a connection takes 90 ms"]),
        ({"direct_mib": 125}, (1000, 1000), ["takes 524 MB/s"]),
        ({"one": 700, "several": 900}, (1000, 1000), ["Leave processes at auto: 4 of them"]),
        ({"one": 700, "several": 900, "idle": 0.0}, (1000, 1000), ["Set --processes 4"]),
        ({"one": 700, "processors": 1}, (2000, 2000), ["2,000 puts/s need 2 like these"]),
        ({"several": 3000}, (1000, 1000), ["higher account quota (L-AFAE1BE8)"]),
        ({"memory": 1e9}, (1000, 1000), ["memory is copied at 1.0 GB/s only"]),
        ({"load": 3.0}, (1000, 1000), ["the load was 3.0 on 4 processors"]),
    ],
)
def test_what_to_change(facts, quotas, words):
    connecting = facts.get("connecting")
    others = {name: value for name, value in facts.items() if name != "connecting"}
    found = Measured(**vars(measured(**{"one": 1050} | others)) | {"connecting": connecting})
    advice = verdict_of(found, RateLimits(*quotas)).advice
    assert len(advice) == len(words), advice
    assert all(each in text for each, text in zip(words, advice, strict=True)), advice


def test_nothing_to_change_is_nothing_advised():
    assert verdict_of(measured(one=1050), RateLimits(1000, 1000)).advice == ()


def test_all_of_it_is_json():
    facts = measured(direct_mib=125)
    json.dumps([facts.as_dict(), verdict_of(facts, RateLimits(1000, 1000)).as_dict()])
