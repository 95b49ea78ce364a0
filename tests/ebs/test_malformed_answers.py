"""Answers that are none, over every call of both planes: one explained error each, in time, in
bounded memory, and nothing in it that a terminal would obey.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.malformed import ENDLESS, answer

from bulkput.ebs.credentials import StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError, ConfigError, ServiceError

CASES = [500, pytest.param(5000, marks=pytest.mark.long)]
"""For each of the two event loops, of other answers in each."""

AT_ONCE = 40
LIMITS = Deadlines(connect_s=5.0, no_progress_s=0.3, attempt_s=0.6, control_s=0.6)
GUARD_S = 60.0
"""A hundred times the deadline: only a call that never ends takes so long."""

MEMORY_MIB = 160
BLOCK = bytes(524_288)
DIGEST = hashlib.sha256(BLOCK).digest()


def number_in(request):
    """Return the number that a request carries, in a snapshot's id or in another text."""
    found = re.search(rb"snap-([0-9a-f]{17})", request)
    if found is not None:
        return int(found[1], 16)
    found = re.search(rb"case(\d+)", request)
    return int(found[1])


async def request_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


@contextlib.asynccontextmanager
async def raw_server(write):
    """Serve whatever ``write(request, writer)`` writes."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await write(await request_of(reader), writer)
        writer.transport.abort()
        tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@contextlib.asynccontextmanager
async def service_at(url, lab, limits=LIMITS):
    async with open_service(
        region="eu-west-1",
        clock=LoopClock(),
        endpoint_url=url,
        connections_max=AT_ONCE,
        deadlines=limits,
        credentials=StaticCredentials(lab.KEYS),
    ) as service:
        yield service


def calls(service, number):
    """Return one call of each operation, with the number of its answer in the request."""
    data, control, snapshot_id = service.data, service.control, f"snap-{number:017x}"
    return (
        lambda: data.put_block(snapshot_id, 0, memoryview(BLOCK), DIGEST),
        lambda: data.get_block(snapshot_id, 0, "token"),
        lambda: control.start_snapshot(StartRequest(1, f"case{number}")),
        lambda: control.complete_snapshot(snapshot_id, 0, "x" * 44),
        lambda: control.list_blocks_page(snapshot_id),
        lambda: control.list_changed_blocks_page(snapshot_id, snapshot_id),
        lambda: control.describe_snapshot(snapshot_id),
        lambda: control.pending_snapshots_page(f"case{number}"),
        lambda: control.delete_snapshot(snapshot_id),
    )


def peak_mib():
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def forget_peak():
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.parametrize("cases", CASES)
async def test_every_malformed_answer_is_one_explained_error(lab, cases):
    async def write(request, writer):
        content = answer(number_in(request))
        writer.write(content.removesuffix(ENDLESS))
        await writer.drain()
        while content.endswith(ENDLESS):
            writer.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            await writer.drain()
        if number_in(request) % 3:
            writer.close()
            raise OSError

    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    seen = {}
    first = 0 if "uvloop" in type(asyncio.get_running_loop()).__module__ else cases
    async with raw_server(write) as url, service_at(url, lab) as service:
        await run_calls(
            service, range(first, first + AT_ONCE), seen
        )  # clients and models are loaded at first use
        forget_peak()
        before_mib = peak_mib()
        await run_calls(service, range(first + AT_ONCE, first + cases), seen)
        grown_mib = peak_mib() - before_mib
    assert sum(seen.values()) == cases
    assert set(seen) == {"success", "ServiceError", "AnswerError", "ConfigError"}
    assert grown_mib < MEMORY_MIB
    assert unhandled == []


async def run_calls(service, numbers, seen):
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        every = calls(service, number)
        async with places:
            kind = await outcome(every[number % len(every)], number)
        seen[kind] = seen.get(kind, 0) + 1

    async with asyncio.TaskGroup() as group:
        for number in numbers:
            group.create_task(one(number))


async def outcome(call, number):
    """Return the kind of error that a call ends with; it must be one that explains itself."""
    try:
        async with asyncio.timeout(GUARD_S):
            await call()
    except BulkputError as error:
        return explained(error, number)
    return "success"


def explained(error, number):
    assert error.status != 1, f"{number}: {error!r}"
    assert str(error).isprintable(), f"{number}: {str(error)!r}"
    assert len(str(error)) < 2000, f"{number}: {error}"
    return type(error).__name__


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_call_follows_a_redirect(lab, status):
    taken = []

    async def take(request, writer):
        taken.append(request)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with raw_server(take) as elsewhere:

        async def redirect(_, writer):
            head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {elsewhere}/x\r\nContent-Length: 0"
            writer.write(f"{head}\r\n\r\n".encode())

        async with raw_server(redirect) as url, service_at(url, lab) as service:
            service.control._learned.note_answer(urlsplit(url).netloc)
            for call in calls(service, 1):
                with pytest.raises(ServiceError, match="a redirect to 127") as caught:
                    await call()
                assert caught.value.http_status == status
    assert taken == []


@pytest.mark.parametrize("framing", ["Content-Length: 99999999999", "X-None: 0"])
async def test_an_answer_without_end_is_left_in_time_and_memory(lab, framing):
    async def write(_, writer):
        writer.write(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + b'{"a":"')
        while True:
            writer.write(b"x" * (1 << 16))
            await writer.drain()

    limits = Deadlines(connect_s=5.0, no_progress_s=5.0, attempt_s=30.0, control_s=30.0)
    async with raw_server(write) as url, service_at(url, lab, limits) as service:
        await outcome(calls(service, 1)[6], 1)
        forget_peak()
        before_mib = peak_mib()
        for call in calls(service, 1):
            assert await outcome(call, 1) in {"ServiceError", "ConfigError"}
        assert peak_mib() - before_mib < MEMORY_MIB


async def test_a_flood_of_interim_answers_is_left_in_memory_too(lab):
    flood = b"HTTP/1.1 100 Continue\r\n\r\n" * 4000

    async def write(_, writer):
        while True:
            writer.write(flood)
            await writer.drain()

    async def never_reads(reader, writer):
        with contextlib.suppress(OSError):
            while True:
                writer.write(flood)
                await writer.drain()
        writer.transport.abort()

    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    async with raw_server(write) as url, service_at(url, lab) as service:
        forget_peak()
        before_mib = peak_mib()
        for call in calls(service, 1):
            assert await outcome(call, 1) == "ServiceError"
        assert peak_mib() - before_mib < MEMORY_MIB
    server = await asyncio.start_server(never_reads, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with lab.data_plane(url) as plane:
        for _ in range(3):
            with pytest.raises(ServiceError):
                await plane.put_block(lab.SNAPSHOT, 0, memoryview(BLOCK), DIGEST)
        assert peak_mib() - before_mib < MEMORY_MIB
    server.close()
    assert unhandled == []


async def test_an_entity_is_not_made_to_grow(lab):
    grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    body = f'<!DOCTYPE a [<!ENTITY e0 "aaaaaaaaaa">{grown}]><a><requestId>&e8;</requestId></a>'

    async def write(_, writer):
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    async with raw_server(write) as url, service_at(url, lab) as service:
        with pytest.raises(ConfigError, match="DOCTYPE"):
            await service.control.describe_snapshot("snap-00000000000000001")


async def test_a_welcome_page_is_no_service(lab):
    async def write(_, writer):
        page = b"<html>Welcome</html>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))

    async with raw_server(write) as url, service_at(url, lab) as service:
        for call in calls(service, 1):
            assert await outcome(call, 1) != "success"


async def test_an_empty_object_is_no_start(lab):
    async def write(_, writer):
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n" + json.dumps({}).encode())

    async with raw_server(write) as url, service_at(url, lab) as service:
        with pytest.raises(ConfigError, match="expected the EBS direct API"):
            await service.control.start_snapshot(StartRequest(1, "case1"))
