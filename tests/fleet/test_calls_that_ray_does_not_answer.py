"""A head that is gone, hangs or has left the connection costs a sentence, soon: without Ray."""

import asyncio
import sys
import threading
from concurrent.futures import Future
from contextlib import closing
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from virtual_time import run_virtual

from bulkput.fleet.cluster import CALL_LIMIT_S, Cluster, answered
from bulkput.fleet.lost_attempt import lost_attempt
from bulkput.fleet.node import Node
from bulkput.fleet.ray_thread import RayThread
from bulkput.fleet.retries import LOST
from bulkput.model.errors import TemporaryError

RAYS = type("RayError", (Exception,), {"__module__": "ray.exceptions"})
RPC = type("RpcError", (RAYS,), {"__module__": "ray.exceptions"})
TAKEN = type("ActorAlreadyExistsError", (ValueError, RPC), {"__module__": "ray.exceptions"})
GONE = {
    "a head that is gone": RPC("the head is gone"),
    "a client that lost its server": ConnectionError("the client has been disconnected"),
    "a client that gave it up": Exception("Ray Client is not connected. Please connect"),
}


class Refused:
    """Ray, whose every call raises the same."""

    def __init__(self, error):
        self.error = error

    def _raise(self, *_, **__):
        raise self.error

    nodes = cancel = _raise

    def remote(self, function):
        options = SimpleNamespace(remote=self._raise)
        return SimpleNamespace(options=lambda **_: options, remote=self._raise)


async def here(function):
    return function()


async def hang(function):
    await asyncio.Event().wait()


NODE, ORDER = Node("id", "a", "10.0.0.1"), SimpleNamespace(client="run/disk/1")
ASKED = {
    "hosts": lambda cluster: cluster.nodes(),
    "quota": lambda cluster: cluster.quota(),
    "mailbox": lambda cluster: cluster.mailbox("job", "id"),
    "start": lambda cluster: cluster.start(NODE, ORDER, None, None),
    "cancel": lambda cluster: cluster.cancel(None),
}
ASKED_OF_TABLES = {
    "runs": lambda cluster: cluster.runs(),
    "labels": lambda cluster: cluster.labels.read(),
    "label": lambda cluster: cluster.labels.keep("id", {"rack": "7"}),
    "no label": lambda cluster: cluster.labels.drop("id"),
}


@pytest.fixture(autouse=True)
def without_ray(monkeypatch):
    name = "ray.util.scheduling_strategies"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(NodeAffinitySchedulingStrategy=Mock))


@pytest.mark.parametrize("error", GONE.values(), ids=GONE)
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_is_refused_is_asked_again_or_ends_in_a_sentence(ask, error):
    with pytest.raises(TemporaryError, match="head does not answer"):
        run_virtual(ask(Cluster(Refused(error), here)))


@pytest.mark.parametrize("ask", (ASKED | ASKED_OF_TABLES).values(), ids=ASKED | ASKED_OF_TABLES)
def test_a_head_that_hangs_holds_nobody(ask, monkeypatch):
    monkeypatch.setattr(
        "bulkput.fleet.node_labels._table",
        lambda: SimpleNamespace(_internal_kv_put=print, _internal_kv_del=print),
    )

    async def live():
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TemporaryError, match="head does not answer"):
            await ask(Cluster(Refused(None), hang))
        assert asyncio.get_running_loop().time() - began_s <= CALL_LIMIT_S

    run_virtual(live())


class Late(Refused):
    """Ray that begins what it is asked for when ``answers`` is set."""

    def __init__(self):
        super().__init__(None)
        self.answers, self.done = threading.Event(), []

    def remote(self, function):
        def begin(order, *_):
            assert self.answers.wait(20)
            self.done.append(f"begin {order.client}")
            return order.client

        options = SimpleNamespace(remote=begin)
        return SimpleNamespace(options=lambda **_: options)

    def cancel(self, reference, *, force):
        assert force
        self.done.append(f"cancel {reference}")


def test_a_start_that_was_given_up_is_cancelled_before_the_volumes_next_one(monkeypatch):
    monkeypatch.setattr("bulkput.fleet.cluster.CALL_LIMIT_S", 0.01)
    ray = Late()

    async def live():
        with closing(RayThread()) as thread:
            cluster = Cluster(ray, thread.call)
            with pytest.raises(TemporaryError, match="head does not answer"):
                await cluster.start(NODE, ORDER, None, None)
            monkeypatch.setattr("bulkput.fleet.cluster.CALL_LIMIT_S", 20)
            ray.answers.set()
            await cluster.start(NODE, ORDER, None, None)

    asyncio.run(live())
    assert ray.done == ["begin run/disk/1", "cancel run/disk/1", "begin run/disk/1"]


def test_an_actor_of_the_same_name_is_another_run():
    with pytest.raises(TemporaryError, match="the job disks is under way on this cluster"):
        run_virtual(Cluster(Refused(TAKEN("taken")), here).mailbox("disks", "id"))


@pytest.mark.parametrize("error", GONE.values(), ids=GONE)
@pytest.mark.parametrize("when", ["asked", "answered"])
def test_an_actor_that_is_not_reached_is_asked_again(error, when):
    future = Future()
    future.set_exception(error)

    def remote(*_):
        if when == "asked":
            raise error
        return SimpleNamespace(future=lambda: future)

    with pytest.raises(TemporaryError, match="an actor of the fleet does not answer"):
        run_virtual(answered(SimpleNamespace(remote=remote), 1))


def test_an_attempt_whose_driver_lost_the_cluster_may_be_at_work():
    assert {lost_attempt(error)[::2] for error in GONE.values()} == {(LOST, False)}
    of_task = type("RayTaskError(ConnectionError)", (type("RayTaskError", (RPC,), {}), OSError), {})
    assert lost_attempt(of_task()).is_gone
