"""One nginx process over loopback, ended with its block: what the sink and the shelf share.

Knows nothing of blocks; of EC2 it knows the one answer about the one snapshot that both have.
"""

import shutil
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from benchmarks.clients.arguments import SNAPSHOT_ID
from benchmarks.measure.process import Child, ChildFailedError, cpu_s
from benchmarks.servers.authority import Authority
from benchmarks.servers.free_port import wait_until_open

_START_TIMEOUT_S = 5.0

_CONFIGURATION = Template("""\
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; multi_accept on; }
http {
  default_type application/json;
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
$directives}
""")

_DESCRIBED = Template("""\
    location = / {
      default_type text/xml;
      return 200 '<?xml version="1.0" encoding="UTF-8"?>\
<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\
<requestId>benchmark</requestId><snapshotSet><item><snapshotId>$snapshot_id</snapshotId>\
<volumeId>vol-ffffffff</volumeId><status>$status</status>\
<startTime>2026-01-01T00:00:00.000Z</startTime><progress>$progress</progress>\
<ownerId>000000000000</ownerId><volumeSize>$volume_size_gib</volumeSize>\
<encrypted>false</encrypted></item></snapshotSet></DescribeSnapshotsResponse>';
    }
""")


def described(status: str, progress: str, volume_size_gib: int) -> str:
    """Return the location that answers every DescribeSnapshots with one snapshot."""
    return _DESCRIBED.substitute(
        snapshot_id=SNAPSHOT_ID, status=status, progress=progress, volume_size_gib=volume_size_gib
    )


class Nginx:
    """A running nginx, as a context manager."""

    def __init__(self, folder: Path, authority: Authority, *, port: int, directives: str) -> None:
        """Start it.

        Args:
            folder: Of its own, there already.
            authority: Whose certificate it has for what listens with TLS.
            port: One that it listens on; the block begins once that is open.
            directives: Of its http block, in nginx's words: logs, limits and the server.

        Raises:
            ChildFailedError: there is no nginx.
        """
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise ChildFailedError("nginx is not installed (Debian: nginx-light)")
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.substitute(
                folder=folder,
                certificate=authority.certificate_path,
                key=authority.key_path,
                directives=directives,
            )
        )
        self._port = port
        self._child = Child(
            [program, "-p", str(folder), "-c", str(configuration), "-e", "stderr"],
            environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            folder=folder,
            name="nginx",
        )

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used so far."""
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
