"""A call of Ray's that hangs holds neither who waits for it nor the end of the process."""

import asyncio
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.fleet import connection
from bulkput.fleet.ray_thread import RayThread
from bulkput.model.errors import ConfigError, TemporaryError


def test_calls_are_made_in_their_order_and_what_they_raise_is_their_callers():
    made = []

    async def live():
        thread = RayThread()
        first = thread.call(lambda: made.append(1))
        failing = thread.call(lambda: 1 / 0)
        assert await thread.call(lambda: made.append(2) or len(made)) == 2
        assert await first is None
        with pytest.raises(ZeroDivisionError):
            await failing
        thread.close()

    asyncio.run(live())


HANGS = """
import asyncio, threading
from bulkput.fleet.ray_thread import RayThread
async def main():
    thread = RayThread()
    hanging = thread.call(threading.Event().wait)
    late = thread.call(print)
    await asyncio.wait({hanging}, timeout=0.01)
    hanging.cancel(), late.cancel(), thread.close()
asyncio.run(main())
"""


def test_a_call_that_hangs_does_not_hold_the_process():
    subprocess.run([sys.executable, "-c", HANGS], check=True, timeout=20)


@pytest.mark.parametrize("address", ["local", "auto", "10.0.0.5:6379", "ray://10.0.0.5:10001"])
def test_a_connection_that_hangs_is_given_up_with_what_it_started(address, monkeypatch):
    async def reached(*_):
        return None

    async def hang(function):
        nonlocal started
        if function is connection._head_here:
            return "10.0.0.5:6379"
        started = [1, 2]
        return await asyncio.Event().wait()

    killed, started = [], []
    monkeypatch.setattr(connection, "unreachable_until", reached)
    monkeypatch.setattr(connection, "load_ray", lambda: SimpleNamespace(shutdown=print))
    monkeypatch.setattr(connection, "descendants", lambda _: started)
    monkeypatch.setattr(connection, "kill_all", killed.append)
    for name in (*connection._OF_CLIENTS, *connection._OF_ONE_MACHINE, "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "5e")

    async def use():
        async with connection.connected(address, hang, print):
            pass

    with pytest.raises(ConfigError, match=r"(hangs|did not come up)"):
        run_virtual(asyncio.wait_for(use(), 300))
    assert killed == [{1, 2}]


def test_a_host_gives_up_a_head_that_hangs(monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(
        connection,
        "import_module",
        lambda _: SimpleNamespace(GcsClient=lambda address: hanging.wait(20)),
    )
    monkeypatch.setattr(connection, "JOIN_LIMIT_S", 0.01)
    with pytest.raises(ConfigError, match=r"h:1: no cluster .* hangs, or is no head"):
        connection.require_admission("h:1")
    hanging.set()


def test_a_cluster_that_cannot_be_left_hides_nothing(monkeypatch):
    async def call(function):
        if function is not shut_down:
            return
        raise Exception("Ray Client is not connected")  # noqa: TRY002 - as Ray does

    def shut_down():
        pass

    async def use():
        async with connection.connected("local", call, print):
            raise TemporaryError("the head is gone")

    monkeypatch.setattr(connection, "load_ray", lambda: SimpleNamespace(shutdown=shut_down))
    for name in (*connection._OF_ONE_MACHINE, "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "5e")
    with pytest.raises(TemporaryError, match="the head is gone"):
        run_virtual(use())
