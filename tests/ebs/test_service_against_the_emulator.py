"""Both planes against the emulator, which checks signatures with code of its own."""

import asyncio
import hashlib
import logging
from base64 import b64encode
from urllib.parse import urlsplit

import pytest
import trustme
from support.opened_service import KEYS, completed, opened, payload, put, whole_life

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.loggers import quiet_secretive_loggers
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.server import Emulator
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, ServiceError
from bulkput.model.failure import FailureClass


async def test_a_whole_life_over_http(tmp_path):
    async with opened(tmp_path) as service:
        snapshot_id = await whole_life(service)
        await service.control.delete_snapshot(snapshot_id)
        assert await service.control.describe_snapshot(snapshot_id) is None
        await service.control.delete_snapshot(snapshot_id)


async def test_a_whole_life_over_tls(tmp_path, monkeypatch):
    authority = trustme.CA()
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
    async with opened(tmp_path, tls=authority) as service:
        await whole_life(service)


async def test_all_clients_trust_what_was_read_once(tmp_path, monkeypatch):
    def read_again():
        raise AssertionError("the authorities are read again")

    monkeypatch.setattr("aiobotocore.httpsession.create_urllib3_context", read_again)
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    async with opened(tmp_path, tls=ca) as service:
        await whole_life(service)


async def test_https_to_a_server_without_tls_is_a_wrong_endpoint(tmp_path):
    async with (
        Emulator(EmulatorOptions(root=tmp_path / "store")) as emulator,
        open_service(
            region="eu-west-1",
            clock=LoopClock(),
            endpoint_url=emulator.url.replace("http", "https"),
            credentials=StaticCredentials(KEYS),
        ) as service,
    ):
        with pytest.raises(ConfigError, match="expected a server that speaks TLS"):
            await service.control.start_snapshot(StartRequest(1, "token"))


async def test_changed_blocks_of_a_child_are_listed(tmp_path):
    async with opened(tmp_path) as service:
        control = service.control
        ids = []
        for token, blocks in (
            ("t1", {0: payload("a"), 5: payload("b")}),
            ("t2", {5: payload("c")}),
        ):
            parent = ids[-1] if ids else None
            started = await control.start_snapshot(
                StartRequest(1, token, parent_snapshot_id=parent)
            )
            assert started.parent_snapshot_id == parent
            digests = [await put(service, started.snapshot_id, i, b) for i, b in blocks.items()]
            linear = b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
            await control.complete_snapshot(started.snapshot_id, len(blocks), linear)
            await completed(service, started.snapshot_id)
            ids.append(started.snapshot_id)
        page = await control.list_changed_blocks_page(ids[0], ids[1])
        ((index, first, second),) = page.blocks
        assert index == 5
        assert first is not None
        assert second is not None


async def test_encryption_and_its_kind_are_seen(tmp_path):
    async with opened(tmp_path) as service:
        started = await service.control.start_snapshot(StartRequest(1, "t", encrypted=True))
        assert started.encrypted
        found = await service.control.describe_snapshot(started.snapshot_id)
        assert found.encrypted


async def test_calls_at_once_are_answered_each(tmp_path):
    async with opened(tmp_path) as service:
        calls = (service.control.describe_snapshot("snap-0123456789abcdef0") for _ in range(4))
        assert await asyncio.gather(*calls) == [None] * 4


async def test_a_control_call_has_one_attempt_and_one_deadline(lab):
    async def silent(peer):
        await peer.request()

    async def broken(peer):
        while True:
            await peer.request()
            await peer.answer(500, {}, b"{}")

    for script, word, failure in (
        (silent, r"(answer within|received for) 0.3 s", FailureClass.STALLED),
        (broken, "500", FailureClass.TRANSIENT),
    ):
        async with (
            lab.serving(script) as server,
            open_service(
                region="eu-west-1",
                clock=LoopClock(),
                endpoint_url=server.url,
                credentials=StaticCredentials(KEYS),
                deadlines=Deadlines(connect_s=1, control_s=0.3),
            ) as service,
        ):
            service.control._learned.note_answer(urlsplit(server.url).netloc)
            with pytest.raises(ServiceError, match=word) as caught:
                await service.control.start_snapshot(StartRequest(1, "t"))
            assert caught.value.failure is failure
            assert server.connections == 1


async def test_nothing_secret_is_printed_even_at_debug(tmp_path, caplog):
    root = logging.getLogger()
    before = root.level
    caplog.set_level(logging.DEBUG)
    quiet_secretive_loggers()  # as every command does
    shown = []
    try:
        wrong = Credentials("AKIACANARY0000000000", "secretcanary", "tokencanary")
        for keys in (KEYS, wrong):
            (tmp_path / keys.secret_key.replace("/", "")).mkdir()
            async with opened(tmp_path / keys.secret_key.replace("/", ""), keys=keys) as service:
                shown.append(repr(service))
                for call in (
                    service.control.start_snapshot(StartRequest(1, "t")),
                    service.control.describe_snapshot("snap-0123456789abcdef0"),
                    put(service, "snap-0123456789abcdef0", 0, payload("a")),
                ):
                    try:
                        shown.append(repr(await call))
                    except ServiceError as error:
                        cause = error.__cause__
                        shown += [str(error), repr(error), repr(vars(error)), str(cause)]
    finally:
        root.setLevel(before)
    text = "\n".join([*shown, caplog.text]).lower()
    assert "failed" in text
    assert "canary" not in text.replace("akiacanary", "")
    assert "signature=" not in text
