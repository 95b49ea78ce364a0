"""Puts and gets against peers that misbehave: always one attempt, one error, no reuse."""

import asyncio

import pytest
from support.bad_peers import (
    answers_html,
    answers_no_http,
    closes_without_answer,
    cuts_the_answer,
    drips,
    echoes_another_checksum,
    echoes_nothing,
    never_answers,
    never_reads,
    put,
    redirects,
    refuses_and_closes,
    refuses_before_the_body,
    resets_in_the_body,
    stores_all,
)

from bulkput.ebs.deadlines import Deadlines
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


async def test_a_put_is_what_the_service_expects(lab, block, digest):
    seen = []

    async def records(peer):
        request = await peer.request()
        seen.append(request)
        await peer.stored(request)

    sent = []
    async with lab.serving(records) as server, lab.data_plane(server.url) as plane:
        await put(plane, lab, block, digest, 7, lambda: sent.append(True))
    (request,) = seen
    assert request.line == f"PUT /snapshots/{lab.SNAPSHOT}/blocks/7 HTTP/1.1"
    assert request.body == block
    assert sent == [True]
    assert set(request.headers) == {
        "host",
        "content-length",
        "x-amz-data-length",
        "x-amz-checksum",
        "x-amz-checksum-algorithm",
        "x-amz-content-sha256",
        "x-amz-date",
        "authorization",
    }
    assert request.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert request.headers["host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("script", "failure", "word"),
    [
        (never_answers, FailureClass.STALLED, "no byte was sent or received for 0.25 s"),
        (never_reads, FailureClass.STALLED, "no byte was sent or received for 0.25 s"),
        (resets_in_the_body, FailureClass.TRANSIENT, ""),
        (closes_without_answer, FailureClass.TRANSIENT, "closed"),
        (refuses_before_the_body, FailureClass.THROTTLED_ACCOUNT, "Rate exceeded"),
        (refuses_and_closes, FailureClass.THROTTLED_ACCOUNT, "Rate exceeded"),
        (answers_html, FailureClass.TRANSIENT, "Slow down"),
        (cuts_the_answer, FailureClass.TRANSIENT, "ended early"),
        (answers_no_http, FailureClass.TRANSIENT, "not HTTP"),
        (echoes_another_checksum, FailureClass.CHECKSUM_MISMATCH, "echoed"),
        (echoes_nothing, FailureClass.TRANSIENT, "echo"),
        (redirects, FailureClass.TRANSIENT, ""),
    ],
)
async def test_a_put_fails_once_with_its_reason_and_the_next_one_works(
    lab, block, digest, script, failure, word
):
    async with lab.serving(script, stores_all) as server, lab.data_plane(server.url) as plane:
        with pytest.raises(ServiceError) as caught:
            await put(plane, lab, block, digest, 3)
        error = caught.value
        assert error.failure is failure
        assert word in str(error)
        assert (error.snapshot_id, error.block_index) == (lab.SNAPSHOT, 3)
        assert server.connections == 1
        if script not in {answers_html, echoes_another_checksum, echoes_nothing, redirects}:
            await put(plane, lab, block, digest, 3)
            assert server.connections == 2


async def test_a_peer_that_drips_is_left_at_the_deadline(lab, block, digest):
    deadlines = Deadlines(connect_s=2, no_progress_s=0.3, attempt_s=0.6, control_s=5)
    async with (
        lab.serving(drips) as server,
        lab.data_plane(server.url, deadlines=deadlines) as plane,
    ):
        with pytest.raises(ServiceError, match=r"no answer within 0\.6 s") as caught:
            await put(plane, lab, block, digest)
        assert caught.value.failure is FailureClass.STALLED


async def test_a_line_that_moves_outlasts_the_deadline_of_an_attempt(lab, block, digest):
    deadlines = Deadlines(connect_s=2, no_progress_s=0.5, attempt_s=0.4, control_s=5)

    async def reads_slowly(peer):
        request = await peer.head()
        while len(request.body) < len(block):
            request.body += await peer.reader.read(16 << 10)
            await asyncio.sleep(0.03)
        await peer.stored(request)

    async with (
        lab.serving(reads_slowly) as server,
        lab.data_plane(server.url, deadlines=deadlines) as plane,
    ):
        started_s = asyncio.get_running_loop().time()
        await put(plane, lab, block, digest)
        assert asyncio.get_running_loop().time() - started_s > 2 * deadlines.attempt_s
        assert server.connections == 1


async def test_a_slow_line_is_no_stall(lab, block, digest):
    """It takes several times the limit of a stall, but something moves all the time."""

    async def reads_slowly(peer):
        request = await peer.head()
        while len(request.body) < len(block):
            request.body += await peer.reader.read(16 << 10)
            await asyncio.sleep(0.02)
        await peer.stored(request)

    async with lab.serving(reads_slowly) as server, lab.data_plane(server.url) as plane:
        started_s = asyncio.get_running_loop().time()
        await put(plane, lab, block, digest)
        assert asyncio.get_running_loop().time() - started_s > 2 * lab.SHORT.no_progress_s


async def test_an_id_that_would_change_the_path_is_refused(lab, block, digest):
    async with lab.data_plane("http://127.0.0.1:1") as plane:
        with pytest.raises(ServiceError) as caught:
            await plane.put_block("snap-1/../x", 0, memoryview(block), digest)
    assert caught.value.failure is FailureClass.INVALID


async def test_a_proxy_for_plain_http_is_given_the_whole_url(lab, block, digest):
    seen = []

    async def proxies(peer):
        request = await peer.request()
        seen.append(request)
        await peer.stored(request)

    async with (
        lab.serving(proxies) as proxy,
        lab.data_plane(
            "http://localhost:9", proxy=proxy.url.replace("://", "://user:canary@")
        ) as plane,
    ):
        await put(plane, lab, block, digest)
    assert seen[0].line.startswith("PUT http://localhost:9/snapshots/")
    assert seen[0].headers["proxy-authorization"].startswith("Basic ")
