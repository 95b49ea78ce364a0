"""The planes of a service, opened against an emulator, and one snapshot's life on them."""

import asyncio
import hashlib
from base64 import b64encode
from contextlib import asynccontextmanager

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.server import Emulator
from bulkput.model.clock import LoopClock

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
            credentials=StaticCredentials(keys),
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
