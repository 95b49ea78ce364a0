"""What a fault does to a connection and to an answer on its way.

Owns the misbehaviour on the wire. Decides nothing: the fault defines what happens.
"""

import asyncio
import base64
import contextlib
import json
import socket
import struct

from aiohttp import web

from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, NamelessStream, to_response
from bulkput.emulator.call import Call
from bulkput.emulator.faults import Fault, FaultKind
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES

_DELAY_DEFAULT_S = 1.0
_DRIP_PIECES = 16
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 seconds: closing sends RST."""


class Hung(Exception):  # noqa: N818 - an intended end of a request, no error
    """The connection is not to be answered any more."""


def reset(request: web.BaseRequest) -> None:
    """Reset the connection, as a peer does that lost its memory."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError), socket.socket(fileno=socket.dup(sock.fileno())) as twin:
        # Through a duplicate: asyncio's and uvloop's own socket objects allow no such option.
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


async def before_body(request: web.BaseRequest, fault: Fault, stopping: asyncio.Event) -> None:
    """Do what a fault does instead of reading the body; an early error does nothing here.

    Raises:
        Hung: the connection is gone.
    """
    transport = request.transport
    if fault.kind is FaultKind.NEVER_READ:
        if isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()
        await stopping.wait()
    elif fault.kind is FaultKind.RESET_MID_BODY:
        rest = BLOCK_SIZE_BYTES // 2 if fault.at_bytes is None else fault.at_bytes
        while rest > 0 and not request.content.at_eof():
            chunk, _ = await request.content.readchunk()
            rest -= len(chunk)
        reset(request)
    elif fault.kind is FaultKind.CLOSE_EARLY:
        if transport is not None:
            transport.close()
    else:
        return
    raise Hung


def spoil(fault: Fault, account: Account, call: Call, answer: Answer) -> None:
    """Change an answer that is to be wrong."""
    if fault.kind is FaultKind.WRONG_ECHO:
        answer.headers["x-amz-Checksum"] = base64.b64encode(bytes(32)).decode("ascii")
    elif fault.kind is FaultKind.CORRUPT_BLOCK and answer.body:
        middle = len(answer.body) // 2
        wrong = bytes([answer.body[middle] ^ 1])
        answer.body = answer.body[:middle] + wrong + answer.body[middle + 1 :]
    elif fault.kind is FaultKind.EMPTY_PAGE and answer.status == 200:
        fields = json.loads(answer.body)
        name = "Blocks" if "Blocks" in fields else "ChangedBlocks"
        items = fields.get(name)
        if items:
            first_id = call.query().get("firstSnapshotId")
            fields["NextToken"] = account.tokens.page(
                first_id, call.snapshot_id or "", items[0]["BlockIndex"], account.clock.unix_s()
            )
            fields[name] = []
            answer.body = json.dumps(fields).encode()


async def send_spoiled(
    request: web.BaseRequest,
    fault: Fault,
    answer: Answer,
    now_unix_s: float,
    stopping: asyncio.Event,
) -> web.StreamResponse:
    """Send an answer in a way in which it does not, or hardly, arrive.

    Raises:
        Hung: the connection is gone.
    """
    delay_s = _DELAY_DEFAULT_S if fault.delay_s is None else fault.delay_s
    if fault.kind is FaultKind.STORE_THEN_HANG:
        await stopping.wait()
        raise Hung
    if fault.kind is FaultKind.STORE_THEN_CLOSE:
        reset(request)
        raise Hung
    whole = to_response(answer, now_unix_s)
    if fault.kind is FaultKind.DELAY_ANSWER:
        await asyncio.sleep(delay_s)
    if fault.kind not in (FaultKind.TRUNCATE_ANSWER, FaultKind.DRIP_ANSWER):
        return whole
    response = NamelessStream(status=answer.status, headers=whole.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    if fault.kind is FaultKind.TRUNCATE_ANSWER:
        at = len(answer.body) // 2 if fault.at_bytes is None else fault.at_bytes
        await response.write(answer.body[:at])
        if request.transport is not None:
            request.transport.close()
        raise Hung
    step = max(1, -(-len(answer.body) // _DRIP_PIECES))
    for at in range(0, len(answer.body), step):
        await asyncio.sleep(delay_s / _DRIP_PIECES)
        await response.write(answer.body[at : at + step])
    await response.write_eof()
    return response
