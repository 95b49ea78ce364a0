"""How long the service may be away: five minutes are outlived, fifteen end the run, and a pace
that is slow is no outage at all."""

import pytest
from simulation.scripted import Scripted
from simulation.weather import Fault, Spell

from bulkput.model.failure import FailureClass

NO_NETWORK = Fault(FailureClass.TRANSIENT)
NO_ANSWERS = Fault(FailureClass.TRANSIENT, after_s=12.0)
THROTTLES = Fault(FailureClass.THROTTLED_SNAPSHOT)
FOR_EVER = float("inf")


def during(start_s, stop_s, fault):
    def change(weather):
        weather.spells = (Spell(start_s, stop_s, fault),)

    return change


@pytest.mark.parametrize(
    ("start_s", "lasts_s", "fault"),
    [
        (0.0, 300.0, NO_NETWORK),
        (0.1, 300.0, NO_NETWORK),
        (0.1, 300.0, NO_ANSWERS),
        (0.1, 60.0, NO_NETWORK),
        (0.0, 600.0, THROTTLES),
    ],
    ids=[
        "no network for five minutes, from the start",
        "no network for five minutes, in mid-run",
        "no answers for five minutes",
        "a brownout of a minute",
        "a storm of throttles",
    ],
)
def test_an_outage_is_outlived(start_s, lasts_s, fault, tmp_path):
    upload = Scripted(tmp_path)
    assert upload.go(change=during(start_s, start_s + lasts_s, fault)) == 0, upload.outcomes[-1]
    assert lasts_s < upload.outcomes[-1].elapsed_s < lasts_s + 60, "it goes on soon after"
    assert len(upload.service.snapshots) == 1


@pytest.mark.parametrize("fault", [NO_NETWORK, NO_ANSWERS], ids=["no network", "no answers"])
def test_an_outage_without_end_ends_the_run_after_a_quarter_of_an_hour(fault, tmp_path):
    upload = Scripted(tmp_path)
    assert upload.go(change=during(0.1, FOR_EVER, fault)) == 5
    assert 14 * 60 < upload.outcomes[-1].elapsed_s < 17 * 60
    upload.go_until_done()
    assert len(upload.service.snapshots) == 1


def slow(folder, *, puts_per_s, block_count=60):
    """Return an upload whose puts wait longer for their turn than a put may take in all."""
    upload = Scripted(folder, blocks=[1 + index % 30 for index in range(block_count)])
    upload.tuning = upload.tuning.model_copy(
        update={
            "memory_budget_bytes": block_count << 19,
            "puts_per_s_snapshot": puts_per_s,
            "operation_deadline_s": 30.0,
        }
    )
    upload.settings = upload.settings.model_copy(update={"tuning": upload.tuning})
    return upload


def test_a_put_that_waits_long_for_its_turn_may_still_be_repeated(tmp_path):
    upload = slow(tmp_path, puts_per_s=1.0)
    weather = {("put", number): NO_NETWORK for number in (40, 50, 60, 61, 62)}
    assert upload.go(weather=weather) == 0, upload.outcomes[-1]
    assert upload.outcomes[-1].puts["retried"] == 5


def test_a_block_that_never_gets_through_ends_a_slow_run_too(tmp_path):
    upload = slow(tmp_path, puts_per_s=1.0)

    def change(weather):
        weather.put_fault = lambda _, index, *__: NO_NETWORK if index == 7 else None

    assert upload.go(change=change) == 5
    assert "block 7" in upload.outcomes[-1].error
    assert upload.outcomes[-1].elapsed_s < 300
