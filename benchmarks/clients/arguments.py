"""What every competitor written here is given on its command line."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bulkput.model.block import BLOCK_SIZE_BYTES

SNAPSHOT_ID = "snap-0123456789abcdef0"
"""What the sink answers to every StartSnapshot."""

REGION = "us-east-1"


@dataclass(frozen=True)
class Job:
    """One file to put, block by block, to one server."""

    path: Path
    url: str
    ca_path: Path | None
    """The certificate authority to trust; None over plain http."""
    concurrency: int

    @property
    def block_count(self) -> int:
        """Whole blocks of the file: the files of the benchmarks have no partial tail."""
        return self.path.stat().st_size // BLOCK_SIZE_BYTES

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server."""
        parts = urlsplit(self.url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"expected a URL with host and port, got {self.url}")
        return parts.hostname, parts.port

    @property
    def is_tls(self) -> bool:
        """Whether the server is spoken to over https."""
        return urlsplit(self.url).scheme == "https"


def parse_job(description: str, *, concurrency: int) -> Job:
    """Read the job from ``sys.argv``; ``concurrency`` is the competitor's default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("path", type=Path)
    parser.add_argument("url")
    parser.add_argument("--concurrency", type=int, default=concurrency)
    given = parser.parse_args()
    ca_path = os.environ.get("AWS_CA_BUNDLE")
    return Job(
        path=given.path,
        url=given.url,
        ca_path=Path(ca_path) if ca_path else None,
        concurrency=given.concurrency,
    )
