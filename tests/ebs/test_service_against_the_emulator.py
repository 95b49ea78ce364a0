"""Both planes against the emulator, which checks signatures with code of its own."""

import asyncio
import hashlib
import logging
from base64 import b64encode
from contextlib import asynccontextmanager

import pytest
import trustme

from bulkput.ebs.credentials import Credentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.loggers import quiet_secretive_loggers
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.server import Emulator
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, ServiceError
from bulkput.model.failure import FailureClass

KEYS = Credentials("AKIACANARY0000000000", "secret/canary/key", "token+canary/=")


def payload(letter: str) -> bytes:
    """The contract's synthetic payloads."""
    text = f"stackd-ebs-synthetic-{letter}\n".encode()
    return (text * 30_000)[:524288]


@asynccontextmanager
async def opened(tmp_path, *, clock=None, tls=None, keys=KEYS, **more):
    certificate = key = None
    if tls is not None:
        issued = tls.issue_cert("127.0.0.1")
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        issued.private_key_pem.write_to_path(str(key))
    options = EmulatorOptions(
        root=tmp_path / "store",
        access_key=KEYS.access_key,
        secret_key=KEYS.secret_key,
        session_token=KEYS.session_token,
        tls_cert=certificate,
        tls_key=key,
        **more,
    )
    async with (
        Emulator(options) as emulator,
        open_service(
            region="eu-west-1",
            clock=clock or LoopClock(),
            endpoint_url=emulator.url,
            static_credentials=keys,
            deadlines=Deadlines(control_s=10),
        ) as service,
    ):
        yield service


async def put(service, snapshot_id, index, block):
    digest = hashlib.sha256(block).digest()
    await service.data.put_block(snapshot_id, index, memoryview(block), digest)
    return digest


async def completed(service, snapshot_id):
    while True:
        found = await service.control.describe_snapshot(snapshot_id)
        if found.state != "pending":
            return found
        await asyncio.sleep(0.02)


async def whole_life(service):
    """The contract's check vector, from start to read-back."""
    request = StartRequest(1, "token-1", description="a life", tags={"Name": "Wörld + &=?"})
    started = await service.control.start_snapshot(request)
    assert started.snapshot_id.startswith("snap-")
    assert (started.volume_size_gib, started.status, started.encrypted) == (1, "pending", False)
    assert (await service.control.start_snapshot(request)).snapshot_id == started.snapshot_id
    blocks = {0: payload("b"), 3: payload("a"), 7: bytes(524288), 2047: payload("c")}
    digests = [await put(service, started.snapshot_id, index, blocks[index]) for index in blocks]
    assert b64encode(digests[1]) == b"Qib0wLZSCPxxAsnoZ1mqGTwYYUfxBvjcHbuEUOOwNdw="
    linear = b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    assert linear == "Pq34jf4xh07iqiQpo/morRl/xL06mqy1ERimH+Hypi8="
    status = await service.control.complete_snapshot(started.snapshot_id, 4, linear)
    assert status in {"pending", "completed"}
    found = await completed(service, started.snapshot_id)
    assert (found.state, found.volume_size_gib, found.encrypted) == ("completed", 1, False)
    page = await service.control.list_blocks_page(started.snapshot_id, max_results=100)
    assert [index for index, _ in page.blocks] == list(blocks)
    assert page.next_token is None
    assert page.volume_size_gib == 1
    for index, token in page.blocks:
        got = await service.data.get_block(started.snapshot_id, index, token)
        assert got == (blocks[index], hashlib.sha256(blocks[index]).digest())
    page = await service.control.list_blocks_page(started.snapshot_id, starting_block_index=4)
    assert [index for index, _ in page.blocks] == [7, 2047]
    return started.snapshot_id


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
            static_credentials=KEYS,
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


async def test_a_refused_start_is_classified(tmp_path):
    async with opened(tmp_path) as service:
        start = service.control.start_snapshot
        await start(StartRequest(1, "t", description="one"))
        with pytest.raises(ServiceError) as caught:
            await start(StartRequest(1, "t", description="two"))
        assert caught.value.failure is FailureClass.CONFLICT
        assert caught.value.request_id
        key = "arn:aws:kms:eu-west-1:000000000000:key/01234567-89ab-cdef-0123-456789abcdef"
        with pytest.raises(ServiceError) as caught:
            await start(StartRequest(1, "t3", encrypted=False, kms_key_arn=key))
        assert caught.value.failure is FailureClass.INVALID
        assert caught.value.reason == "INVALID_PARAMETER_VALUE"
        assert "Encrypt cannot be false" in str(caught.value)


async def test_encryption_and_its_kind_are_seen(tmp_path):
    async with opened(tmp_path) as service:
        started = await service.control.start_snapshot(StartRequest(1, "t", encrypted=True))
        assert started.encrypted
        found = await service.control.describe_snapshot(started.snapshot_id)
        assert found.encrypted


async def test_changed_bytes_are_distinguished_from_a_wrong_signature(tmp_path):
    async with opened(tmp_path) as service:
        started = await service.control.start_snapshot(StartRequest(1, "t"))
        block = memoryview(payload("a"))
        with pytest.raises(ServiceError) as caught:
            await service.data.put_block(started.snapshot_id, 0, block, b"\1" * 32)
        assert caught.value.failure is FailureClass.CHECKSUM_MISMATCH


async def test_an_unknown_snapshot_is_not_yet_visible(tmp_path):
    async with opened(tmp_path) as service:
        with pytest.raises(ServiceError) as caught:
            await put(service, "snap-0123456789abcdef0", 0, payload("a"))
        assert caught.value.failure is FailureClass.NOT_YET_VISIBLE
        assert caught.value.reason == "SNAPSHOT_NOT_FOUND"


async def test_a_throttle_of_the_snapshot_names_its_bucket(tmp_path):
    async with opened(tmp_path, puts_per_s_snapshot=1.0, burst_s=1.0) as service:
        started = await service.control.start_snapshot(StartRequest(1, "t"))
        results = await asyncio.gather(
            *(put(service, started.snapshot_id, i, payload("a")) for i in range(4)),
            return_exceptions=True,
        )
        failures = {error.failure for error in results if isinstance(error, ServiceError)}
        assert failures == {FailureClass.THROTTLED_SNAPSHOT}


class SlowClock(LoopClock):
    """Ten minutes behind."""

    def unix_s(self) -> float:
        return super().unix_s() - 600


async def test_a_clock_that_is_off_is_corrected_once_by_the_services(tmp_path):
    async with opened(tmp_path, clock=SlowClock()) as service:
        request = StartRequest(1, "t")
        with pytest.raises(ServiceError) as caught:
            await service.control.start_snapshot(request)
        assert caught.value.failure is FailureClass.SIGNATURE
        await service.recover(caught.value)
        assert service.clock_offset_s == pytest.approx(600, abs=5)
        started = await service.control.start_snapshot(request)
        await put(service, started.snapshot_id, 0, payload("a"))
        assert await service.control.describe_snapshot(started.snapshot_id)


async def test_a_wrong_key_is_a_signature_failure_on_both_planes(tmp_path):
    wrong = Credentials(KEYS.access_key, "anothercanary", KEYS.session_token)
    async with opened(tmp_path, keys=wrong) as service:
        with pytest.raises(ServiceError) as caught:
            await put(service, "snap-0123456789abcdef0", 0, payload("a"))
        assert caught.value.failure is FailureClass.SIGNATURE
        with pytest.raises(ServiceError) as caught:
            await service.control.describe_snapshot("snap-0123456789abcdef0")
        assert caught.value.failure is FailureClass.SIGNATURE
        assert service.clock_offset_s == 0.0


async def test_the_ec2_client_is_made_at_its_first_use(tmp_path):
    async with opened(tmp_path) as service:
        assert service.control._ec2 is None
        calls = (service.control.describe_snapshot("snap-0123456789abcdef0") for _ in range(4))
        assert await asyncio.gather(*calls) == [None] * 4
        assert service.control._ec2 is not None


async def test_a_control_call_has_one_attempt_and_one_deadline(lab):
    async def silent(peer):
        await peer.request()

    async def broken(peer):
        while True:
            await peer.request()
            await peer.answer(500, {}, b"{}")

    for script, word in ((silent, "time"), (broken, "500")):
        async with (
            lab.serving(script) as server,
            open_service(
                region="eu-west-1",
                clock=LoopClock(),
                endpoint_url=server.url,
                static_credentials=KEYS,
                deadlines=Deadlines(connect_s=1, control_s=0.3),
            ) as service,
        ):
            with pytest.raises(ServiceError, match=word) as caught:
                await service.control.start_snapshot(StartRequest(1, "t"))
            assert caught.value.failure is FailureClass.TRANSIENT
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
