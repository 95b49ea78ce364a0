"""A fleet keeps within its quota and ends all its volumes, whatever happens to its messages."""

import dataclasses

import pytest
from simulation.fleet_model import FleetHistory
from simulation.invariants import Violation

from bulkput.fleet import permits as permits_module
from bulkput.fleet.lease_table import LeaseTable
from bulkput.fleet.permits import PermitTable
from bulkput.fleet.placement import Placement
from bulkput.fleet.quota_client import QuotaClient
from bulkput.fleet.retries import LOST

SHORT_SEEDS = 30
LONG_SEEDS = 5_000


def live(seeds):
    for seed in seeds:
        history = FleetHistory(seed)
        try:
            history.live()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        yield history


def test_every_history_of_a_fleet_keeps_within_its_quota_and_ends():
    histories = list(live(range(SHORT_SEEDS)))
    assert sum(each.restarts for each in histories) > SHORT_SEEDS
    assert sum(each.cuts for each in histories) > SHORT_SEEDS
    assert sum(each.switches for each in histories) > SHORT_SEEDS / 4


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_five_thousand_histories_of_fleets_keep_within_their_quota_and_end():
    for _ in live(range(SHORT_SEEDS, LONG_SEEDS)):
        pass


def said_is_given_up(patch):
    real = LeaseTable._confirm

    def confirm(self, now_s, client, ask):
        real(self, now_s, client, ask)
        if ask.table in ("", self._name):
            client.given.clear()

    patch.setattr(LeaseTable, "_confirm", confirm)


def a_new_table_does_not_learn(patch):
    patch.setattr(LeaseTable, "_is_learning", lambda *_: False)


def whom_a_new_table_has_not_heard_of_has_nothing(patch):
    patch.setattr(LeaseTable, "_count_unheard", lambda *_: 0)


def a_silent_client_has_nothing(patch):
    real = LeaseTable._forget_silent

    def forget(self, now_s):
        real(self, now_s)
        for name in [n for n, c in self._clients.items() if not self._is_live(now_s, c)]:
            del self._clients[name]

    patch.setattr(LeaseTable, "_forget_silent", forget)


def a_lease_is_not_counted_from_its_ask(patch):
    real = QuotaClient._go_by

    def go_by(self, lease, sent_s):
        real(self, lease, sent_s + 15.0)  # as late as an answer may be

    patch.setattr(QuotaClient, "_go_by", go_by)


def an_older_answer_is_gone_by(patch):
    def on_lease(self, _, lease):
        if lease.number not in self._sent:
            return False
        self._go_by(lease, self._sent[lease.number][0])
        return True

    patch.setattr(QuotaClient, "on_lease", on_lease)


def what_a_new_table_heard_late_is_gone_by(patch):
    real = QuotaClient.on_lease

    def on_lease(self, now_s, lease):
        own = self._lease
        if own is not None:
            self._lease = dataclasses.replace(own, table=lease.table)
            self._sent = {number: (at_s, self._lease) for number, (at_s, _) in self._sent.items()}
        return real(self, now_s, lease)

    patch.setattr(QuotaClient, "on_lease", on_lease)


def a_new_table_gives_what_it_offered(patch):
    real = LeaseTable._share

    def share(self, now_s, resource, ask):
        if self._is_learning(now_s):
            return self._held_by(now_s, resource, self._clients[ask.client])
        return real(self, now_s, resource, ask)

    patch.setattr(LeaseTable, "_share", share)


def a_vanished_permit_is_free(patch):
    patch.setattr(permits_module, "SEEN_WITHIN_S", -1e9)


def a_new_permit_table_gives_at_once(patch):
    real = PermitTable.__init__

    def init(self, *, learns_from_s=None, **rest):
        real(self, **rest)
        if learns_from_s is not None:
            self.seen_pending(learns_from_s, ())

    patch.setattr(PermitTable, "__init__", init)


def a_permit_is_never_given_back(patch):
    patch.setattr(PermitTable, "give_back", lambda *_, **__: None)
    patch.setattr(PermitTable, "seen_pending", _only_note)


def _only_note(table, asked_s, ids):
    table._pending, table._seen_s = frozenset(ids), asked_s


def a_lost_attempt_runs_for_ever(patch):
    real = Placement.ended

    def ended(self, now_s, volume, attempt, exit_code):
        if exit_code != LOST:
            real(self, now_s, volume, attempt, exit_code)

    patch.setattr(Placement, "ended", ended)


NOTICED_BY = {
    said_is_given_up: 18,
    a_new_table_does_not_learn: 19,
    whom_a_new_table_has_not_heard_of_has_nothing: 25,
    a_silent_client_has_nothing: 25,
    a_lease_is_not_counted_from_its_ask: 72,
    an_older_answer_is_gone_by: 441,
    what_a_new_table_heard_late_is_gone_by: 2611,
    a_new_table_gives_what_it_offered: 2737,
    a_vanished_permit_is_free: 2,
    a_new_permit_table_gives_at_once: 0,
    a_permit_is_never_given_back: 0,
    a_lost_attempt_runs_for_ever: 23,
}
"""The seed to begin with; another one costs only time."""


@pytest.mark.parametrize("bug", NOTICED_BY, ids=lambda bug: bug.__name__)
def test_a_bug_planted_in_the_fleet_is_caught(bug, monkeypatch):
    bug(monkeypatch)
    with pytest.raises(Violation):
        list(live(range(NOTICED_BY[bug], NOTICED_BY[bug] + 100)))
