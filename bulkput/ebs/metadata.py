"""Why the instance's metadata service gave nothing: asked once more, when nothing was found.

Off EC2 nobody listens at its address. On EC2 it may be switched off, have no role to give, or,
from within a container, answer with packets that end one hop too early.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

_HOST = "169.254.169.254"
_LIMIT_S = 1.0
"""It is on the host and answers within milliseconds; botocore too gives it 1 s."""

_SILENT = (
    "the instance's metadata service takes requests and does not answer: in a container its "
    "answers end at the instance (hop limit 1); set it to 2 (aws ec2 modify-instance-metadata-"
    "options --http-put-response-hop-limit 2), or give the container credentials of its own"
)
_FORBIDDEN = "the instance's metadata service is switched off (HTTP 403)"
_NO_ROLE = "the instance's metadata service answers, and the instance has no role"


async def explain_metadata(environ: Mapping[str, str] = os.environ) -> str:
    """Return what is wrong with the metadata service, a clause; empty where there is none.

    Never raises.
    """
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return ""
    url = urlsplit(environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or f"http://{_HOST}")
    with contextlib.suppress(OSError, ValueError):
        host, port = url.hostname or _HOST, url.port or 80
        async with asyncio.timeout(_LIMIT_S):
            reader, writer = await asyncio.open_connection(host, port)
        try:
            return await _ask(reader, writer, host, url.path.rstrip("/"))
        finally:
            writer.close()
    return ""


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, prefix: str
) -> str:
    """Ask for a token, the first request of IMDSv2."""
    writer.write(
        f"PUT {prefix}/latest/api/token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n"
        "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nConnection: close\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            line = await reader.readline()
    except TimeoutError:
        return _SILENT
    status = line.split()[1:2]
    if status == [b"403"]:
        return _FORBIDDEN
    return _NO_ROLE if status == [b"200"] else ""
