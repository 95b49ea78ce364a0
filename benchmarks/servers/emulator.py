"""The emulator in its own process, and the side door through which it is counted and changed."""

import json
import re
import ssl
import struct
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.clients.commands import ACCESS_KEY, SECRET_KEY, environment
from benchmarks.measure.process import Child, ChildFailedError
from benchmarks.measure.series import Sample
from benchmarks.servers.authority import Authority

_START_TIMEOUT_S = 20.0
_CALL_TIMEOUT_S = 10.0
_THROTTLES = {"RequestThrottledException", "ThrottlingException"}
_INDEX_HEADER_BYTES = 4096
_INDEX_BLOCK_COUNT_AT = 24
_URL = re.compile(r"https?://\S+:\d+")


def _marked(index_path: Path) -> int:
    """Return the blocks that an index marks as written: one byte of 1 each, after the header."""
    with index_path.open("rb") as file:
        header = file.read(_INDEX_HEADER_BYTES)
        (block_count,) = struct.unpack_from("<Q", header, _INDEX_BLOCK_COUNT_AT)
        return file.read(block_count).count(1)


class Emulator:
    """A running ``bulkput emulator`` with quotas; ended with its block."""

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        is_tls: bool,
        latency_ms: float,
        jitter_ms: float = 0,
        puts_per_s_snapshot: float | None = None,
        puts_per_s_account: float | None = None,
    ) -> None:
        self._root = folder / "root"
        flags: dict[str, object] = {
            "--root": self._root,
            "--latency-ms": latency_ms,
            "--jitter-ms": jitter_ms,
            "--access-key": ACCESS_KEY,
            "--secret-key": SECRET_KEY,
        }
        if puts_per_s_snapshot is not None:
            flags["--puts-per-s-snapshot"] = puts_per_s_snapshot
        if puts_per_s_account is not None:
            flags["--puts-per-s-account"] = puts_per_s_account
        if is_tls:
            flags["--tls-cert"] = authority.certificate_path
            flags["--tls-key"] = authority.key_path
        self._context = ssl.create_default_context(cafile=authority.ca_path)
        words = [str(word) for flag in flags.items() for word in flag]
        self._child = Child(
            [sys.executable, "-m", "bulkput", "emulator", "--faults", *words],
            environment=environment(authority.ca_path),
            folder=folder,
            name="emulator",
        )
        self.url = ""

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._child.pid

    def stats(self) -> dict[str, Any]:
        """Return the emulator's own counters."""
        found: dict[str, Any] = self._call("stats")
        return found

    def stored_by_snapshot(self) -> tuple[int, ...]:
        """Return how many blocks each snapshot holds, counted in the index files on disk."""
        return tuple(_marked(path) for path in sorted(self._root.rglob("index")))

    def sample(self, began_s: float) -> Sample:
        """Return the counters of all snapshots, dated from ``began_s`` of the monotonic clock."""
        before_s = time.monotonic()
        stats = self.stats()
        at_s = (before_s + time.monotonic()) / 2 - began_s
        throttled = sum(
            answer["count"]
            for answer in stats["answers"]
            if answer["operation"] == "PutSnapshotBlock" and answer["code"] in _THROTTLES
        )
        return Sample(at_s, int(stats["blocks_stored"]), throttled)

    def set_quota(self, **puts_per_s: float) -> None:
        """Change ``puts_per_s_snapshot`` or ``puts_per_s_account`` from now on."""
        self._call("quota", puts_per_s)

    def set_latency(self, latency_ms: float, jitter_ms: float = 0) -> None:
        """Change how long answers wait from now on."""
        self._call("quota", {"latency_ms": latency_ms, "jitter_ms": jitter_ms})

    def _call(self, name: str, body: dict[str, float] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        signed = AWSRequest(
            "GET" if data is None else "POST", f"{self.url}/_emulator/{name}", data=data
        )
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "ebs", "us-east-1").add_auth(signed)
        request = urllib.request.Request(  # noqa: S310 - its own loopback URL
            signed.url, data, dict(signed.headers.items())
        )
        context = self._context if self.url.startswith("https") else None
        with urllib.request.urlopen(request, timeout=_CALL_TIMEOUT_S, context=context) as answer:  # noqa: S310 - its own loopback URL
            text = answer.read()
        return json.loads(text) if text else None

    def __enter__(self) -> Self:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline_s and not self._child.ended_within(0.05):
            found = _URL.search(self._child.stdout_path.read_text())
            if found:
                self.url = found[0]
                return self
        self._child.stop()
        raise ChildFailedError(f"the emulator tells no URL: {self._child.last_output()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.__exit__(kind, error, trace)
