"""Who is leased how much: never more in sum than there is, whatever was lost on the way."""

import pytest

from bulkput.fleet.lease import Ask, Resource, Terms
from bulkput.fleet.lease_table import LeaseTable
from bulkput.fleet.quota_client import QuotaClient

PUTS = Resource.PUTS
TERMS = Terms(length_s=20, refresh_s=2, soon_s=0.5, orphan_s=300)


class Fleet:
    """Clients of one table; messages arrive at once unless a test keeps them."""

    def __init__(self, capacity=1000, clients_max=10):
        self.capacity, self.clients_max = {PUTS: capacity}, clients_max
        self.clients = {}
        self.now_s = 0.0
        self.tables = 0
        self.begin(learns=False)

    def begin(self, *, learns=True):
        self.tables += 1
        self.table = LeaseTable(
            self.capacity,
            clients_max=self.clients_max,
            name=f"table {self.tables}",
            learns_from_s=self.now_s if learns else None,
            terms=TERMS,
        )

    def send(self, name, wants):
        client = self.clients.setdefault(name, QuotaClient(name, TERMS))
        return client.ask(self.now_s, {PUTS: wants})

    def give(self, ask):
        lease = self.table.ask(self.now_s, ask)
        assert self.table.outstanding(self.now_s)[PUTS] <= self.capacity[PUTS] + 1e-6
        return lease

    def ask(self, name, wants):
        self.receive(name, self.give(self.send(name, wants)))
        return self.may_use(name)

    def receive(self, name, lease):
        return self.clients[name].on_lease(self.now_s, lease)

    def may_use(self, name):
        return round(self.clients[name].may_use(self.now_s, PUTS), 6)

    def rounds(self, wants, seconds):
        for _ in range(int(seconds)):
            self.now_s += 1
            for name, want in wants.items():
                self.ask(name, want)
        return {name: self.may_use(name) for name in wants}


@pytest.mark.parametrize(
    ("wants", "leased"),
    [
        ({"a": 300}, {"a": 300}),
        ({"a": 5000}, {"a": 1000}),
        ({"a": 5000, "b": 5000}, {"a": 500, "b": 500}),
        ({"a": 100, "b": 5000, "c": 5000}, {"a": 100, "b": 450, "c": 450}),
        ({"a": 0, "b": 900}, {"a": 0, "b": 900}),
        ({"a": 0, "b": 0}, {"a": 0, "b": 0}),
        ({"a": 600, "b": 600, "c": 1}, {"a": 499.5, "b": 499.5, "c": 1}),
    ],
)
def test_capacity_is_divided_by_what_clients_want(wants, leased):
    assert Fleet().rounds(wants, 5) == leased


def test_a_new_client_has_its_part_as_soon_as_the_others_confirm_that_they_gave_theirs_up():
    fleet = Fleet()
    assert fleet.ask("a", 5000) == 1000
    assert fleet.ask("b", 5000) == 0
    fleet.now_s += 2
    assert fleet.ask("a", 5000) == 500
    assert fleet.ask("b", 5000) == 0, "nobody knows yet that a's lease arrived"
    fleet.now_s += 0.5
    fleet.ask("a", 5000)
    assert fleet.ask("b", 5000) == 500


def test_a_client_asks_again_soon_after_it_was_given_less():
    fleet = Fleet()
    fleet.ask("a", 5000)
    assert fleet.clients["a"].next_ask_s == 2
    fleet.ask("b", 5000)
    assert fleet.clients["b"].next_ask_s == 0.5
    fleet.now_s = 2
    fleet.ask("a", 5000)
    assert fleet.clients["a"].next_ask_s == 2.5


def test_what_a_lost_answer_took_away_is_not_given_to_another_while_the_lease_runs():
    fleet = Fleet()
    fleet.ask("a", 5000)
    fleet.ask("b", 5000)
    fleet.now_s = 1
    fleet.give(fleet.send("a", 5000))  # its answer is lost
    assert fleet.may_use("a") == 1000
    assert fleet.ask("b", 5000) == 0
    fleet.now_s = 20.5  # a's first lease ran out at 20, its second one, of 500, runs to 21
    assert fleet.ask("b", 5000) == 500
    fleet.now_s = 21.5
    assert fleet.may_use("a") == 100, "what is safe without a lease: one tenth"
    assert fleet.ask("b", 5000) == 900


def test_the_lease_begins_when_it_was_asked_for():
    fleet = Fleet()
    ask = fleet.send("a", 500)
    fleet.now_s = 15
    fleet.receive("a", fleet.give(ask))
    assert fleet.may_use("a") == 500
    fleet.now_s = 20
    assert fleet.may_use("a") == 100
    fleet.now_s = 320
    assert fleet.may_use("a") == 0
    assert fleet.clients["a"].is_lost(fleet.now_s)


def test_an_older_answer_does_not_replace_a_newer_one():
    fleet = Fleet()
    first, second = fleet.send("a", 500), fleet.send("a", 200)
    early, late = fleet.give(first), fleet.give(second)
    assert fleet.receive("a", late)
    assert not fleet.receive("a", early)
    assert fleet.may_use("a") == 200


def test_an_ask_that_was_overtaken_has_no_answer_and_one_that_comes_twice_the_same():
    fleet = Fleet()
    first, second = fleet.send("a", 500), fleet.send("a", 200)
    answer = fleet.give(second)
    assert fleet.give(first) is None
    assert fleet.give(second) is answer


def test_a_silent_client_keeps_its_safe_part_until_it_is_known_dead_or_long_silent():
    fleet = Fleet()
    fleet.rounds({"a": 5000, "b": 5000}, 5)
    silent_s = fleet.now_s
    assert fleet.rounds({"b": 5000}, 25) == {"b": 900}
    assert fleet.may_use("a") == 100
    fleet.table.forget("a")
    assert fleet.rounds({"b": 5000}, 1) == {"b": 1000}
    fleet = Fleet()
    fleet.rounds({"a": 5000, "b": 5000}, 5)
    assert fleet.rounds({"b": 5000}, 318) == {"b": 900}
    assert fleet.rounds({"b": 5000}, 4) == {"b": 1000}
    assert fleet.now_s > silent_s + 320
    assert fleet.may_use("a") == 0


def test_the_safe_parts_of_all_clients_fit_into_the_capacity_if_the_table_never_comes_back():
    fleet = Fleet()
    names = [str(number) for number in range(10)]
    fleet.rounds(dict.fromkeys(names, 5000), 10)
    fleet.now_s += 25
    assert [fleet.may_use(name) for name in names] == [100] * 10


def test_a_table_that_is_started_again_gives_nobody_more_than_it_has_for_one_length():
    fleet = Fleet()
    fleet.rounds({"a": 200, "b": 5000}, 5)
    began_s = fleet.now_s
    fleet.begin()
    assert fleet.rounds({"a": 900, "b": 900, "c": 900}, 19) == {"a": 200, "b": 800, "c": 0}
    assert fleet.now_s < began_s + 20
    after = fleet.rounds({"a": 900, "b": 900, "c": 900}, 6)
    assert after == pytest.approx(dict.fromkeys("abc", 1000 / 3), abs=1e-5)


def test_a_table_that_is_started_again_holds_the_safe_part_of_whom_it_has_not_heard_of():
    fleet = Fleet()
    fleet.rounds({"a": 500, "b": 500, "c": 500}, 5)
    fleet.begin()
    assert fleet.rounds({"a": 500, "b": 500}, 30) == {"a": 450, "b": 450}
    assert fleet.may_use("c") == 100
    fleet.begin()  # once more: the next table hears of c from the others too
    assert fleet.rounds({"a": 500, "b": 500}, 30) == {"a": 450, "b": 450}
    assert fleet.rounds({"a": 500, "b": 500}, 300) == {"a": 500, "b": 500}


def test_resources_are_leased_beside_each_other():
    table = LeaseTable({PUTS: 1000, Resource.STARTS: 10}, clients_max=10, name="t", terms=TERMS)
    wants = {PUTS: 400, Resource.STARTS: 20}
    lease = table.ask(0, Ask("a", 1, wants))
    assert lease.amounts == {PUTS: 400, Resource.STARTS: 10}
    assert lease.safe == {PUTS: 100, Resource.STARTS: 1}


def test_a_table_that_is_started_again_holds_for_a_client_that_only_the_driver_knows():
    table = LeaseTable(
        {PUTS: 1000}, clients_max=10, name="2", learns_from_s=0, expects=["lost"], terms=TERMS
    )
    assert table.ask(20, Ask("new", 1, {PUTS: 5000})).amounts == {PUTS: 900}
    table.forget("lost")
    assert table.ask(22, Ask("new", 2, {PUTS: 5000})).amounts == {PUTS: 1000}


def test_what_a_client_gave_up_is_not_given_back_by_a_new_table_that_hears_an_older_ask():
    fleet = Fleet()
    fleet.ask("a", 5000)
    lowering, late = fleet.send("a", 500), fleet.send("a", 5000)
    fleet.receive("a", fleet.give(lowering))
    fleet.give(fleet.send("a", 500))  # confirms it, and is answered in vain
    assert fleet.ask("b", 5000) == 500
    fleet.begin()
    lease = fleet.give(late)
    assert lease.amounts == {PUTS: 1000}
    assert not fleet.receive("a", lease)
    assert fleet.may_use("a") == 500


def test_what_ran_out_while_an_ask_was_under_way_is_not_given_back_by_a_new_table():
    fleet = Fleet()
    fleet.ask("a", 5000)
    fleet.now_s = 19
    late = fleet.send("a", 5000)
    fleet.now_s = 20.5
    assert fleet.ask("b", 5000) == 900
    fleet.begin()
    assert not fleet.receive("a", fleet.give(late))
    assert fleet.may_use("a") == 100
    # Nor because the new table has offered it once.
    assert fleet.receive("a", fleet.give(fleet.send("a", 5000)))
    assert fleet.may_use("a") == 100
