"""Messages between two processes of one job: four bytes of length, then a pickle.

Both ends are of one version; nobody else can reach the socket pair that they travel through.
"""

import asyncio
import pickle
from typing import Any

_LENGTH_BYTES = 4


def send(writer: asyncio.StreamWriter, message: object) -> None:
    """Put ``message`` on its way without waiting; lost if the other side has ended."""
    if writer.is_closing():
        return
    body = pickle.dumps(message)
    writer.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


async def receive(reader: asyncio.StreamReader) -> Any:
    """Return the next message, or None when the other side has closed or died."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return pickle.loads(body)  # noqa: S301 - from a process of this job, as multiprocessing does
