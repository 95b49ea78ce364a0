"""``gc`` never deletes what somebody works on, nor what is younger than it was asked for.

``BULKPUT_SEED=17`` repeats one history; ``-m long`` runs two thousand.
"""

import os

import pytest
from simulation.clones import Clones

from bulkput.jobs import gc
from bulkput.jobs.upload import lease

SHORT_SEEDS, LONG_SEEDS = 60, 2000
_SEEDS_A_TEST = 20


def seeds(first, stop):
    given = os.environ.get("BULKPUT_SEED")
    if given is not None:
        return [range(int(given), int(given) + 1)]
    return [range(start, start + _SEEDS_A_TEST) for start in range(first, stop, _SEEDS_A_TEST)]


def live(chosen, folder, patch):
    """Return how many snapshots were deleted, and how often one at work was spared."""
    deleted = spared = 0
    for seed in chosen:
        own = folder / str(seed)
        own.mkdir()
        clones = Clones(seed, own, patch)
        try:
            clones.live()
        except Exception as error:
            error.add_note(f"repeat with BULKPUT_SEED={seed}")
            raise
        deleted += len(clones.deleted)
        spared += clones.spared
    return deleted, spared


@pytest.mark.parametrize("chosen", seeds(0, SHORT_SEEDS), ids=str)
def test_no_upload_at_work_loses_its_snapshot_to_a_clone(chosen, tmp_path, monkeypatch):
    deleted, spared = live(chosen, tmp_path, monkeypatch)
    if len(chosen) > 1:
        assert deleted > 3
        assert spared > 3


@pytest.mark.long
@pytest.mark.parametrize("chosen", seeds(SHORT_SEEDS, LONG_SEEDS), ids=str)
def test_nor_in_any_of_two_thousand_histories(chosen, tmp_path, monkeypatch):
    live(chosen, tmp_path, monkeypatch)


def leases_do_not_count(patch):
    patch.setattr(gc, "is_alive", lambda *_: False)


def leases_are_not_renewed(patch):
    patch.setattr(lease, "RENEW_S", 10 * 3600.0)


def failed_renewals_wait_for_the_next(patch):
    patch.setattr(lease, "_RETRY_S", lease.RENEW_S)


def a_resumed_upload_waits_before_it_renews(patch):
    patch.setattr(lease, "RENEW_S", 1800.0)
    real = lease._renew

    async def late(run, ledger, snapshot_id):
        await run.context.clock.sleep(1800.0)
        await real(run, ledger, snapshot_id)

    patch.setattr(lease, "_renew", late)


def age_does_not_count(patch):
    real = gc.find_orphans

    def find(*arguments, **options):
        return real(*arguments, **options | {"started_before_unix_s": float("inf")})

    patch.setattr(gc, "find_orphans", find)


def ledgers_do_not_count(patch):
    patch.setattr(gc, "read_entries", lambda _: [])
    leases_do_not_count(patch)


BUGS = {
    leases_do_not_count: "worked on for",
    leases_are_not_renewed: "worked on for",
    failed_renewals_wait_for_the_next: "worked on for",
    a_resumed_upload_waits_before_it_renews: "worked on for",
    age_does_not_count: "is younger than",
    ledgers_do_not_count: "worked on for",
}
"""And the rule that each breaks."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_noticed(bug, tmp_path, monkeypatch):
    bug(monkeypatch)
    with pytest.raises(AssertionError, match=BUGS[bug]):
        live(range(SHORT_SEEDS), tmp_path, monkeypatch)
