"""The shelf: one nginx process with one completed snapshot, every block of which is the same.

It answers gets from one file, faster than every client takes them, and lists as many blocks as
asked for in pages of 10,000. It checks no signature and no token.
"""

import base64
import hashlib
import json
import os
from pathlib import Path
from string import Template

from benchmarks.servers.authority import Authority
from benchmarks.servers.free_port import free_port
from benchmarks.servers.nginx import Nginx, described
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB

_PAGE_BLOCKS = 10_000
_TOKEN = "a" * 95
"""As long as the service's."""

_DIRECTIVES = Template("""\
  access_log off;
  map $$arg_pageToken $$page { "" 0; default $$arg_pageToken; }
  server {
    listen 127.0.0.1:$port ssl backlog=1024;
    root $folder/shelf;
    add_header x-amzn-RequestId $$request_id always;
    location ~ ^/snapshots/snap-[0-9a-f]+/blocks/[0-9]+$$ {
      add_header x-amzn-RequestId $$request_id always;
      add_header x-amz-Checksum $checksum always;
      add_header x-amz-Checksum-Algorithm SHA256 always;
      add_header x-amz-Data-Length $block_bytes always;
      default_type application/octet-stream;
      try_files /block =404;
    }
    location ~ ^/snapshots/snap-[0-9a-f]+/blocks$$ { try_files /page-$$page =404; }
$described  }
""")


class Shelf(Nginx):
    """A running shelf over https; ended with its block."""

    def __init__(self, folder: Path, authority: Authority, *, volume_size_gib: int) -> None:
        self.block = os.urandom(BLOCK_SIZE_BYTES)
        shelf = folder / "shelf"
        shelf.mkdir(parents=True)
        (shelf / "block").write_bytes(self.block)
        _write_pages(shelf, volume_size_gib)
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        directives = _DIRECTIVES.substitute(
            folder=folder,
            port=port,
            checksum=base64.b64encode(hashlib.sha256(self.block).digest()).decode(),
            block_bytes=BLOCK_SIZE_BYTES,
            described=described("completed", "100%", volume_size_gib),
        )
        super().__init__(folder, authority, port=port, directives=directives)


def _write_pages(folder: Path, volume_size_gib: int) -> None:
    """Write the answers of ListSnapshotBlocks; a page's token is its number."""
    count = volume_size_gib * BLOCKS_PER_GIB
    for number, start in enumerate(range(0, count, _PAGE_BLOCKS)):
        stop = min(start + _PAGE_BLOCKS, count)
        page = {
            "BlockSize": BLOCK_SIZE_BYTES,
            "Blocks": [{"BlockIndex": at, "BlockToken": _TOKEN} for at in range(start, stop)],
            "ExpiryTime": 4e9,
            "NextToken": str(number + 1) if stop < count else None,
            "VolumeSize": volume_size_gib,
        }
        (folder / f"page-{number}").write_text(json.dumps(page))
