"""Answers as no server should give them: made from a number, each time the same."""

import base64
import hashlib
import json
import random

BLOCK = 524_288
ENDLESS = b"ENDLESS"
"""Stands for bytes that never stop."""

_STATUS_LINES = (
    *("HTTP/1.1 200 OK", "HTTP/1.1 201 Created", "HTTP/1.1 202 Accepted") * 4,
    *("HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 206 Partial"),
    *("HTTP/1.1 301 Moved", "HTTP/1.1 307 Temporary", "HTTP/1.1 308 Permanent"),
    *("HTTP/1.1 400 Bad", "HTTP/1.1 403 Forbidden", "HTTP/1.1 404 Not Found"),
    *("HTTP/1.1 409 Conflict", "HTTP/1.1 412 Failed", "HTTP/1.1 429 Slow"),
    *("HTTP/1.1 500 Error", "HTTP/1.1 503 Slow Down", "HTTP/1.1 999 Odd"),
    *("HTTP/1.1 099 Odd", "HTTP/2 200", "HTTP/1.1 2 0 0", "HTTP/1.1", "", "SSH-2.0-OpenSSH_9.2"),
    *("HTTP/1.1 101 Switching Protocols", "HTTP/1.1 100 Continue", "HTTP/1.1 200 \x1b[31mOK"),
    *("HTTP/1.1 -200 OK", "HTTP/1.1 99999999999999999999 OK", "http/1.1 200 ok"),
)

_ERROR_CODES = (
    *("ThrottlingException", "ValidationException", "AccessDeniedException", "ConflictException"),
    *("ResourceNotFoundException", "InvalidSignatureException", "InternalServerException"),
    *("\x1b]0;title\x07Odd", "A" * 4000, ":::", "#", "aws#Namespaced:http://x/"),
)


def _json_of(number, chance):
    """Return an object as the service gives it, with something else in the place of a value."""
    snapshot_id = f"snap-{number:017x}"
    blocks = [
        {"BlockIndex": index, "BlockToken": "t", "FirstBlockToken": "f"} for index in range(3)
    ]
    document = {
        "SnapshotId": snapshot_id,
        "BlockSize": 524288,
        "VolumeSize": 1,
        "StartTime": 1.79e9,
        "Status": "pending",
        "ParentSnapshotId": None,
        "Blocks": blocks,
        "ChangedBlocks": blocks,
        "NextToken": None,
        "ExpiryTime": 1.79e9,
    }
    odd = (None, True, -1, 0, 1.5, 10**30, "", "x", "\x1b[2J\0", [], {}, [None], [[]], "é" * 3000)
    for name in chance.sample(sorted(document), chance.randrange(4)):
        document[name] = chance.choice(odd)
    if chance.random() < 0.3:
        blocks[chance.randrange(3)][chance.choice(["BlockIndex", "BlockToken"])] = chance.choice(
            odd
        )
    return json.dumps(document).encode()


def _xml_of(number, chance):
    """Return an answer of EC2, with something else in the place of a value."""
    values = {
        "requestId": "1",
        "snapshotId": f"snap-{number:017x}",
        "status": "pending",
        "volumeSize": "1",
        "encrypted": "false",
        "startTime": "2026-01-01T00:00:00.000Z",
        "volumeId": "vol-ffffffff",
        "fullSnapshotSizeInBytes": "524288",
    }
    odd = ("", "x", "-1", "9" * 30, "1.5", "<a/>", "&#27;[2J", "&big;", "snap-12-34", "\udcff")
    for name in chance.sample(sorted(values), chance.randrange(4)):
        values[name] = chance.choice(odd)
    fields = "".join(
        f"<{name}>{value}</{name}>" for name, value in values.items() if name != "requestId"
    )
    head = chance.choice(
        ["", "", "", '<!DOCTYPE a [<!ENTITY big "bigger">]>', '<?xml version="1.1"?>']
    )
    body = (
        f"{head}<DescribeSnapshotsResponse><requestId>{values['requestId']}</requestId>"
        f"<snapshotSet><item>{fields}</item></snapshotSet></DescribeSnapshotsResponse>"
    )
    return body.encode("utf-8", "surrogateescape")


def _body(number, chance):
    good = _json_of(number, chance) if chance.random() < 0.5 else _xml_of(number, chance)
    odd = (
        *(b"", b"{}", b"[]", b"null", b"true", b'"text"', b"1e999", b"NaN", b"9" * 6000),
        *(b"[" * 5000, b'{"a":' * 5000, good[: chance.randrange(len(good))], good[::-1]),
        *(b" " * 60_000, b"<" * 20_000, b"<script " * 5000, b"\xff\xfe\0\0" * 100, b"\0" * 300),
        good.decode("utf-8", "replace").encode("utf-16"),
        b"<html><script>alert(1)</script><h1>Welcome \x1b[31m</h1></html>",
        b'{"Message":"The Canonical String for this request should have been '
        + b"x" * 9000
        + b'"}',
        b'{"message":{"deep":[1]},"Reason":7,"__type":["x"]}',
        b'{"Message":null,"Reason":null,"code":3}',
        b"<Response><Errors><Error><Code>\x1b</Code><Message/></Error></Errors></Response>",
        b"<Response><Errors/></Response>",
        bytes(BLOCK),
        b"a" * (BLOCK + 1),
    )
    return good if chance.random() < 0.5 else chance.choice(odd)


def answer(number):
    """Return the bytes of the answer of this number; it may end in ``ENDLESS``."""
    chance = random.Random(number)
    body = _body(number, chance)
    if chance.random() < 0.3:  # sound but for what it says
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body
    lines = [chance.choice(_STATUS_LINES)]
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    zero = base64.b64encode(hashlib.sha256(bytes(BLOCK)).digest()).decode()
    headers = (
        f"x-amz-Checksum: {chance.choice([digest, zero, '', 'A' * 43 + '=', 'é', 'x' * 7000])}",
        f"x-amzn-ErrorType: {chance.choice(_ERROR_CODES)}:http://internal.amazon.com/coral/",
        f"x-amzn-RequestId: {chance.choice(['1-2-3', chr(27) + '[2J', 'x' * 5000, ''])}",
        f"Date: {chance.choice(['Thu, 01 Jan 1970 00:00:00 GMT', 'x', '0' * 5000, '-'])}",
        f"Location: {chance.choice(['http://127.0.0.1:1/', '//x', '[', 'javascript:1'])}",
        f"Content-Type: {chance.choice(['application/json', 'text/xml', 'text/html; charset=x'])}",
        f"Content-Encoding: {chance.choice(['gzip', 'br', 'identity'])}",
        f"X-Long: {'x' * chance.choice([10, 8000, 9000, 70_000])}",
        "X-Bad-\xff: \xfe\xff",
        "\r\n".join(f"X-{each}: 1" for each in range(chance.choice([5, 500]))),
        "no colon",
        ": no name",
        " folded: 1",
        "X-Nul: a\0b",
        "Connection: close",
        "Connection: upgrade\r\nUpgrade: websocket",
        "Set-Cookie: a=b",
    )
    lines += chance.sample(headers, chance.choice([0, 1, 1, 2, 3]))
    sizes = (len(body), len(body) + 5, max(0, len(body) - 5), -1, 10**30, "x", "1_0", "0x10", "")
    framing = chance.randrange(8)
    tail = b""
    if framing < 4:
        lines.append(f"Content-Length: {len(body)}")
    elif framing == 4:
        lines += [f"Content-Length: {size}" for size in chance.sample(sizes, chance.choice([1, 2]))]
    elif framing == 5:
        lines.append("Transfer-Encoding: chunked")
        size = chance.choice([f"{len(body):x}", "ffffffffffffffff", "-1", "zz", "", "0"])
        body = size.encode() + b"\r\n" + body + b"\r\n"
        tail = chance.choice([b"0\r\n\r\n", b"", b"0\r\nX: y\r\n", ENDLESS])
    elif framing == 6:
        tail = ENDLESS if chance.random() < 0.3 else b""  # to the connection's end
    else:
        lines += ["Transfer-Encoding: chunked, gzip", f"Content-Length: {len(body)}"]
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * chance.choice([0, 0, 0, 0, 1, 5, 2000])
    head = "\r\n".join(lines).encode("latin-1", "replace")
    end = chance.choice([b"\r\n\r\n"] * 12 + [b"\n\n", b"\r\n", b""])
    return interim + head + end + body + tail
