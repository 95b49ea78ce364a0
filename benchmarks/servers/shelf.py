"""The shelf: one nginx process with one completed snapshot, every block of which is the same.

It answers gets from one file, faster than every client takes them, and lists as many blocks as
asked for in pages of 10,000. It checks no signature and no token.
"""

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from benchmarks.clients.arguments import SNAPSHOT_ID
from benchmarks.measure.process import Child, ChildFailedError, cpu_s
from benchmarks.servers.authority import Authority
from benchmarks.servers.free_port import free_port, wait_until_open
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB

_START_TIMEOUT_S = 5.0
_PAGE_BLOCKS = 10_000
_TOKEN = "a" * 95
"""As long as the service's."""

_CONFIGURATION = Template("""\
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; multi_accept on; }
http {
  default_type application/json;
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  ssl_certificate $certificate;
  ssl_certificate_key $key;
  ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  ssl_session_cache shared:sessions:1m;
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
    location = / {
      default_type text/xml;
      return 200 '<?xml version="1.0" encoding="UTF-8"?>\
<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\
<requestId>shelf</requestId><snapshotSet><item><snapshotId>$snapshot_id</snapshotId>\
<volumeId>vol-ffffffff</volumeId><status>completed</status>\
<startTime>2026-01-01T00:00:00.000Z</startTime><progress>100%</progress>\
<ownerId>000000000000</ownerId><volumeSize>$volume_size_gib</volumeSize>\
<encrypted>false</encrypted></item></snapshotSet></DescribeSnapshotsResponse>';
    }
  }
}
""")


class Shelf:
    """A running shelf over https; ended with its block."""

    def __init__(self, folder: Path, authority: Authority, *, volume_size_gib: int) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise ChildFailedError("nginx is not installed (Debian: nginx-light)")
        self.block = os.urandom(BLOCK_SIZE_BYTES)
        self._port = free_port()
        shelf = folder / "shelf"
        shelf.mkdir(parents=True)
        (shelf / "block").write_bytes(self.block)
        _write_pages(shelf, volume_size_gib)
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.substitute(
                folder=folder,
                certificate=authority.certificate_path,
                key=authority.key_path,
                port=self._port,
                checksum=base64.b64encode(hashlib.sha256(self.block).digest()).decode(),
                block_bytes=BLOCK_SIZE_BYTES,
                snapshot_id=SNAPSHOT_ID,
                volume_size_gib=volume_size_gib,
            )
        )
        self._child = Child(
            [program, "-p", str(folder), "-c", str(configuration), "-e", "stderr"],
            environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            folder=folder,
            name="nginx",
        )

    @property
    def url(self) -> str:
        """The address."""
        return f"https://127.0.0.1:{self._port}"

    def cpu_s(self) -> float:
        """Return the CPU seconds that the shelf has used so far."""
        return cpu_s(self._child.pid)

    def __enter__(self) -> Self:
        wait_until_open(self._port, self._child, _START_TIMEOUT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.__exit__(kind, error, trace)


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
