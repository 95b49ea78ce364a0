"""The entry of the sink: ``python -m bulkput.jobs.bench CERTIFICATE KEY``; it prints its port."""

import asyncio
import sys
from pathlib import Path

import uvloop

from bulkput.jobs.bench.sink import serve


async def _serve(certificate: Path, key: Path) -> None:
    server = await serve(certificate, key)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serve until a signal ends the process, or its parent's end does."""
    certificate, key = map(Path, sys.argv[1:])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(certificate, key))


if __name__ == "__main__":
    main()
