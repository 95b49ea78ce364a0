"""A lane whose start does not come to its end leaves neither a process nor a descriptor behind."""

import asyncio
import errno
import socket
from types import SimpleNamespace

import pytest

from bulkput.jobs.lanes import lane_process
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.protocol import Keys, LaneEnd, LaneInit

INIT = LaneInit(LaneEnd(None, None, Keys(None)))


@pytest.fixture
def sockets(monkeypatch):
    """All sockets that were made; the third pair of them cannot be."""
    made, pair = [], socket.socketpair

    def socketpair():
        if len(made) == 4:
            raise OSError(errno.EMFILE, "Too many open files")
        made.extend(pair())
        return made[-2:]

    monkeypatch.setattr(lane_process, "socket", SimpleNamespace(socketpair=socketpair))
    return made


async def test_a_process_that_was_not_reached_is_killed(sockets, monkeypatch):
    killed = []
    process = SimpleNamespace(returncode=None, kill=lambda: killed.append(1))

    async def start_child(*_, **__):
        return process

    async def connect(sock):
        assert sock is sockets[0]
        raise asyncio.CancelledError

    monkeypatch.setattr(lane_process, "start_child", start_child)
    monkeypatch.setattr(asyncio, "open_unix_connection", connect)
    with pytest.raises(asyncio.CancelledError):
        await LaneProcess(None, None).start(INIT)
    assert (killed, [each.fileno() for each in sockets]) == ([1], [-1] * 4)


async def test_without_descriptors_for_all_sockets_none_stays_open(sockets):
    sockets.extend(socket.socket() for _ in range(2))
    with pytest.raises(OSError, match="Too many open files"):
        await LaneProcess(None, None).start(INIT)
    assert [each.fileno() for each in sockets[2:]] == [-1] * 2
    for each in sockets[:2]:
        each.close()
