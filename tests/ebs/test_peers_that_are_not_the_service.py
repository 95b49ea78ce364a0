"""Who stands at the endpoint and is not the service: named within seconds, by what it does."""

import asyncio
import json
import ssl
from datetime import UTC, datetime

import pytest
import trustme
from support.bad_peers import closes_without_answer, never_answers

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.http1 import Wire
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError
from bulkput.model.failure import FailureClass

PAGE = b"<html><title>Not available</title><body>nginx</body></html>"


def opened(url, control_s=5.0):
    return open_service(
        region="us-east-1",
        clock=LoopClock(),
        endpoint_url=url,
        credentials=StaticCredentials(Credentials("A", "S")),
        deadlines=Deadlines(connect_s=2, control_s=control_s),
    )


async def failure(url, control_s=5.0):
    async with opened(url, control_s) as service:
        with pytest.raises(BulkputError) as caught:
            await service.control.start_snapshot(StartRequest(1, "t"))
    return caught.value


async def resets(peer):
    await peer.request()
    peer.reset()


async def ends_early(peer):
    await peer.request()
    await peer.answer(200, {"Content-Length": "100"}, b"{")
    peer.writer.close()


@pytest.mark.parametrize("script", [resets, closes_without_answer, never_answers, ends_early])
@pytest.mark.parametrize("is_tls", [False, True])
async def test_who_takes_the_connection_and_answers_nothing(
    lab, monkeypatch, tmp_path, script, is_tls
):
    context = certificate(tmp_path, monkeypatch) if is_tls else None
    async with lab.serving(script, tls=context) as server:
        url = server.url.replace("http:", "https:") if is_tls else server.url
        error = await failure(url, control_s=0.2)
    assert (error.failure, error.status) == (FailureClass.UNREACHABLE, 5)
    assert f"is it one for {'http' if is_tls else 'https'}?" in error.advice


async def test_an_endpoint_that_speaks_something_else(lab):
    async def greets(peer):
        peer.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async def shows_a_page(peer):
        await peer.request()
        await peer.answer(200, {}, b"<!DOCTYPE html><title>Welcome</title>")

    for script, words in ((greets, "not HTTP"), (shows_a_page, "as web pages are")):
        async with lab.serving(script) as server:
            error = await failure(server.url)
        assert error.status == 3
        assert f"expected the AWS API at {server.url}: what answers there" in str(error)
        assert words in str(error)


async def test_one_who_speaks_before_the_request_is_sent_is_known_by_that(lab, monkeypatch):
    async def greets(peer):
        peer.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    connect = Wire._connect

    async def connect_and_dawdle(wire):
        connection = await connect(wire)
        while not connection.protocol._tail:  # noqa: ASYNC110 - aiohttp reports it to nobody
            await asyncio.sleep(0.001)
        return connection

    monkeypatch.setattr(Wire, "_connect", connect_and_dawdle)
    async with lab.serving(greets) as server:
        error = await failure(server.url)
    assert error.status == 3
    assert "not HTTP" in str(error)


@pytest.mark.parametrize("http_status", [502, 503, 504])
async def test_a_gateway_with_nobody_behind_it(lab, http_status):
    async def answers(peer):
        await peer.request()
        await peer.answer(http_status, {"Content-Type": "text/html"}, PAGE)

    async with lab.serving(answers) as server:
        error = await failure(server.url)
    assert (error.failure, error.status) == (FailureClass.UNREACHABLE, 5)
    assert f"{server.url} answered {http_status} " in str(error)
    assert "load balancer" in error.advice


async def test_an_outage_of_the_service_itself_is_waited_for_from_the_first_call_on(lab):
    async def answers(peer):
        await peer.request()
        await peer.answer(503, {"x-amzn-ErrorType": "ServiceUnavailableException"}, b"{}")

    async with lab.serving(answers) as server:
        error = await failure(server.url)
    assert error.failure is FailureClass.TRANSIENT


def certificate(tmp_path, monkeypatch, *, of="127.0.0.1", is_known=True, until=None):
    authority = trustme.CA()
    known = authority if is_known else trustme.CA()
    known.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(of, not_after=until).configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"is_known": False}, "name its authority in AWS_CA_BUNDLE"),
        ({"of": "other.example"}, "use a name that the certificate has"),
        (
            {"until": datetime(2020, 1, 1, tzinfo=UTC)},
            "renew the certificate, or set this machine's clock",
        ),
    ],
)
async def test_a_certificate_that_is_not_trusted(lab, tmp_path, monkeypatch, options, remedy):
    context = certificate(tmp_path, monkeypatch, **options)
    async with lab.serving(closes_without_answer, tls=context) as server:
        error = await failure(server.url.replace("http:", "https:"))
    assert error.status == 3
    assert remedy in str(error)


async def test_a_long_answer_over_a_narrow_link_is_waited_for(lab):
    async def trickles(peer):
        await peer.request()
        body = json.dumps({"Blocks": [], "VolumeSize": 1, "Padding": "x" * 60_000}).encode()
        await peer.answer(200, {"Content-Length": str(len(body))}, b"")
        for start in range(0, len(body), 6000):
            peer.writer.write(body[start : start + 6000])
            await peer.writer.drain()
            await asyncio.sleep(0.03)

    async with (
        lab.serving(trickles) as server,
        opened(server.url, control_s=0.1) as service,
    ):
        page = await service.control.list_blocks_page("snap-0123456789abcdef0")
    assert page.blocks == ()


def test_who_never_answers_is_known_within_half_a_minute():
    assert Deadlines().control_s <= 20
