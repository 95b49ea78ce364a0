"""The sink: one nginx process that takes puts and keeps nothing, faster than every client.

It reads every body to its end before it answers 201 with the checksum echoed, as the service
does, but checks neither the checksum nor the signature. StartSnapshot and DescribeSnapshots get
fixed answers, so that whole programs run against it that do not wait for the end: its one
snapshot is pending for ever.

How the body is read cheaply: ``mirror`` reads it into one memory buffer before the answer is
made (``return`` alone would answer first and throw the body away in 4 KiB pieces, and a client
that sees an early answer may stop sending); the static handler then refuses the method, and
``error_page`` turns that into the 201. No copy to a file, no second connection. Measured: 0.17
CPU seconds a GiB plain, 0.74 over TLS, of which the kernel and OpenSSL take nearly all.
"""

import re
import urllib.request
from pathlib import Path
from string import Template

from benchmarks.clients.arguments import SNAPSHOT_ID
from benchmarks.measure.process import ChildFailedError
from benchmarks.servers.authority import Authority
from benchmarks.servers.free_port import free_port
from benchmarks.servers.nginx import Nginx, described

_DIRECTIVES = Template("""\
  log_format put '$$msec $$request_time $$request_method $$status $$request_length';
  access_log $access_log;
  client_body_buffer_size 1m;
  client_max_body_size 2m;
  server {
    listen 127.0.0.1:$plain_port backlog=1024;
    listen 127.0.0.1:$tls_port ssl backlog=1024;
    root $folder/empty;
    add_header x-amzn-RequestId $$request_id always;
    location ~ ^/snapshots/snap-[0-9a-f]+/blocks/[0-9]+$$ {
      mirror /_read_the_body;
      error_page 405 =201 @stored;
    }
    location = /_read_the_body { internal; return 204; }
    location @stored {
      add_header x-amzn-RequestId $$request_id always;
      add_header x-amz-Checksum $$http_x_amz_checksum always;
      add_header x-amz-Checksum-Algorithm $$http_x_amz_checksum_algorithm always;
      return 201 '{}';
    }
    location = /snapshots {
      return 201 '{"BlockSize":524288,"Description":null,"KmsKeyArn":null,\
"OwnerId":"000000000000","ParentSnapshotId":null,"SnapshotId":"$snapshot_id","SseType":null,\
"StartTime":$$msec,"Status":"pending","Tags":null,"VolumeSize":$volume_size_gib}';
    }
    location ~ ^/snapshots/completion/ { return 202 '{"Status":"pending"}'; }
$described    location = /_status { access_log off; stub_status; }
  }
""")


class Sink(Nginx):
    """A running sink, over http and https at once; ended with its block."""

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        volume_size_gib: int,
        is_logging: bool = False,
    ) -> None:
        (folder / "empty").mkdir(parents=True)
        self._plain_port, self._tls_port = free_port(), free_port()
        self._log_path = folder / "access.log"
        directives = _DIRECTIVES.substitute(
            folder=folder,
            access_log=f"{self._log_path} put" if is_logging else "off",
            plain_port=self._plain_port,
            tls_port=self._tls_port,
            snapshot_id=SNAPSHOT_ID,
            volume_size_gib=volume_size_gib,
            described=described("pending", "0%", volume_size_gib),
        )
        super().__init__(folder, authority, port=self._plain_port, directives=directives)

    def url(self, *, is_tls: bool) -> str:
        """Return the address for either scheme."""
        return f"https://127.0.0.1:{self._tls_port}" if is_tls else self._plain_url

    @property
    def _plain_url(self) -> str:
        return f"http://127.0.0.1:{self._plain_port}"

    def requests(self) -> int:
        """Return how many requests were taken so far, this one included."""
        with urllib.request.urlopen(f"{self._plain_url}/_status", timeout=5) as answer:  # noqa: S310 - its own loopback URL
            text = answer.read().decode()
        found = re.search(r"^ *\d+ +\d+ +(\d+) *$", text, re.MULTILINE)
        if found is None:
            raise ChildFailedError(f"the sink's status has no request count: {text!r}")
        return int(found[1])

    def first_put_unix_s(self, after_unix_s: float) -> float | None:
        """Return when the first byte of the first put after a moment arrived; needs the log."""
        for line in self._log_path.read_text().splitlines():
            ended_unix_s, took_s, method, *_ = line.split()
            arrived_unix_s = float(ended_unix_s) - float(took_s)
            if method == "PUT" and arrived_unix_s >= after_unix_s:
                return arrived_unix_s
        return None
