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
import shutil
import urllib.request
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from benchmarks.clients.arguments import SNAPSHOT_ID
from benchmarks.measure.process import Child, ChildFailedError, cpu_s
from benchmarks.servers.authority import Authority
from benchmarks.servers.free_port import free_port, wait_until_open

_START_TIMEOUT_S = 5.0

_CONFIGURATION = Template("""\
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; multi_accept on; }
http {
  default_type application/json;
  log_format put '$$msec $$request_time $$request_method $$status $$request_length';
  access_log $access_log;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_buffer_size 1m;
  client_max_body_size 2m;
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
    location = / {
      default_type text/xml;
      return 200 '<?xml version="1.0" encoding="UTF-8"?>\
<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\
<requestId>sink</requestId><snapshotSet><item><snapshotId>$snapshot_id</snapshotId>\
<volumeId>vol-ffffffff</volumeId><status>pending</status>\
<startTime>2026-01-01T00:00:00.000Z</startTime><progress>0%</progress>\
<ownerId>000000000000</ownerId><volumeSize>$volume_size_gib</volumeSize>\
<encrypted>false</encrypted></item></snapshotSet></DescribeSnapshotsResponse>';
    }
    location = /_status { access_log off; stub_status; }
  }
}
""")


class Sink:
    """A running sink, over http and https at once; ended with its block."""

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        volume_size_gib: int,
        is_logging: bool = False,
    ) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise ChildFailedError("nginx is not installed (Debian: nginx-light)")
        (folder / "empty").mkdir(parents=True)
        self._plain_port, self._tls_port = free_port(), free_port()
        self._log_path = folder / "access.log"
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.substitute(
                folder=folder,
                access_log=f"{self._log_path} put" if is_logging else "off",
                certificate=authority.certificate_path,
                key=authority.key_path,
                plain_port=self._plain_port,
                tls_port=self._tls_port,
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

    def url(self, *, is_tls: bool) -> str:
        """Return the address for either scheme."""
        return f"https://127.0.0.1:{self._tls_port}" if is_tls else self._plain_url

    @property
    def _plain_url(self) -> str:
        return f"http://127.0.0.1:{self._plain_port}"

    def cpu_s(self) -> float:
        """Return the CPU seconds that the sink has used so far."""
        return cpu_s(self._child.pid)

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

    def __enter__(self) -> Self:
        wait_until_open(self._plain_port, self._child, _START_TIMEOUT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.__exit__(kind, error, trace)
