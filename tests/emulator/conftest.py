"""A real emulator on a real socket for each test, boto3 clients for it, and signed raw HTTP."""

import base64
import contextlib
import functools
import hashlib
import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from support.emulator_thread import EmulatorThread

from bulkput.emulator.clock import HeldClock
from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, EmulatorOptions

BLOCK_SIZE_BYTES = 524_288
REGION = "eu-central-1"


def payload(letter: str) -> bytes:
    """Return the contract's synthetic payload."""
    text = f"stackd-ebs-synthetic-{letter}\n".encode()
    return (text * (BLOCK_SIZE_BYTES // len(text) + 1))[:BLOCK_SIZE_BYTES]


def b64_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def linear(blocks: dict[int, bytes]) -> str:
    digests = b"".join(hashlib.sha256(blocks[index]).digest() for index in sorted(blocks))
    return b64_sha256(digests)


@functools.cache
def _session() -> boto3.Session:
    """Return one session a process: reading EC2's model takes longer than most tests."""
    return boto3.Session()


def boto3_client(service: str, url: str, **more: Any) -> Any:
    """Return a client with the emulator's credentials that tries each call once."""
    settings = {
        "endpoint_url": url,
        "region_name": REGION,
        "aws_access_key_id": DEFAULT_ACCESS_KEY,
        "aws_secret_access_key": DEFAULT_SECRET_KEY,
        "config": Config(retries={"total_max_attempts": 1}, read_timeout=20),
    }
    return _session().client(service, **(settings | more))


@dataclass
class RawAnswer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.headers["x-amzn-ErrorType"].split(":")[0]


class LiveEmulator(EmulatorThread):
    """An emulator with a clock that can be moved, and what boto3 does with it."""

    def __init__(self, options: EmulatorOptions, ca_path: str | None = None) -> None:
        self.options = options
        self.ca_path = ca_path
        self.clock = HeldClock()
        self._clients: list[Any] = []
        super().__init__(options, self.clock)

    @functools.cached_property
    def ebs(self) -> Any:
        return self.client("ebs")

    @functools.cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        super().stop()

    def client(self, service: str, **more: Any) -> Any:
        client = boto3_client(service, self.url, **({"verify": self.ca_path} | more))
        self._clients.append(client)
        return client

    def start(self, **more: Any) -> str:
        return self.ebs.start_snapshot(**({"VolumeSize": 1} | more))["SnapshotId"]

    def put(self, snapshot_id: str, index: int, data: bytes, **more: Any) -> Any:
        fields = {
            "DataLength": len(data),
            "Checksum": b64_sha256(data),
            "ChecksumAlgorithm": "SHA256",
        }
        return self.ebs.put_snapshot_block(
            SnapshotId=snapshot_id, BlockIndex=index, BlockData=data, **(fields | more)
        )

    def seal(self, snapshot_id: str, blocks: dict[int, bytes]) -> Any:
        return self.ebs.complete_snapshot(
            SnapshotId=snapshot_id,
            ChangedBlocksCount=len(blocks),
            Checksum=linear(blocks),
            ChecksumAlgorithm="SHA256",
            ChecksumAggregationMethod="LINEAR",
        )

    def settle(self) -> None:
        """Let every sealed snapshot's verdict fall due."""
        self.clock.advance(self.options.completion_delay_s + self.options.completed_lag_s + 0.01)

    def snapshot(self, blocks: dict[int, bytes], **more: Any) -> str:
        """Make a completed snapshot of these blocks."""
        snapshot_id = self.start(**more)
        for index, data in blocks.items():
            self.put(snapshot_id, index, data)
        self.seal(snapshot_id, blocks)
        self.settle()
        return snapshot_id

    def state(self, snapshot_id: str) -> tuple[str, str | None]:
        (found,) = self.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return found["State"], found.get("StateMessage")

    def blocks(self, snapshot_id: str) -> dict[int, bytes]:
        """Read a whole snapshot back."""
        listed = self.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
        return {
            item["BlockIndex"]: self.ebs.get_snapshot_block(
                SnapshotId=snapshot_id,
                BlockIndex=item["BlockIndex"],
                BlockToken=item["BlockToken"],
            )["BlockData"].read()
            for item in listed
        }

    def signed(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        service: str = "ebs",
        region: str = REGION,
        unsigned_payload: bool = True,
    ) -> dict[str, str]:
        """Return headers as botocore signs them."""
        wanted = dict(headers or {})
        if unsigned_payload:
            wanted["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
        request = AWSRequest(method, self.url + target, headers=wanted, data=body)
        credentials = Credentials(DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
        SigV4Auth(credentials, service, region).add_auth(request)
        return dict(request.headers.items())

    @contextlib.contextmanager
    def connection(self, timeout_s: float = 20):
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
        try:
            yield connection
        finally:
            connection.close()

    def send(
        self, method: str, target: str, headers: dict[str, str], body: bytes = b""
    ) -> RawAnswer:
        """Send a request as it is."""
        with self.connection() as connection:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return RawAnswer(answer.status, answer.headers, answer.read())

    def raw(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        """Send a signed request that boto3 would refuse to make."""
        return self.send(method, target, self.signed(method, target, body, headers), body)

    def raw_put(self, snapshot_id: str, index: object, body: bytes, **headers: str) -> RawAnswer:
        """Send a put; keyword ``x_amz_Data_Length`` and the like replace headers."""
        wanted = {
            "x-amz-Data-Length": str(BLOCK_SIZE_BYTES),
            "x-amz-Checksum": b64_sha256(body),
            "x-amz-Checksum-Algorithm": "SHA256",
        }
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
        target = f"/snapshots/{snapshot_id}/blocks/{index}"
        return self.raw("PUT", target, body, {k: v for k, v in wanted.items() if v})

    def control(self, method: str, name: str, fields: Any = None) -> RawAnswer:
        body = b"" if fields is None else json.dumps(fields).encode()
        target = f"/_emulator/{name}"
        headers = self.signed(method, target, body, unsigned_payload=False)
        return self.send(method, target, headers, body)


class Starter:
    """Starts emulators on one root folder; what it started ends with the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._running: list[LiveEmulator] = []

    def __call__(self, ca_path: str | None = None, **options: Any) -> LiveEmulator:
        settings = {"root": self.root, "starts_per_s": None, "completes_per_s": None}
        server = LiveEmulator(EmulatorOptions(**(settings | options)), ca_path)
        self._running.append(server)
        return server

    def stop(self, server: LiveEmulator) -> None:
        self._running.remove(server)
        server.stop()

    def stop_all(self) -> None:
        for server in self._running:
            server.stop()


@pytest.fixture
def live(tmp_path: Path):
    starter = Starter(tmp_path / "root")
    yield starter
    starter.stop_all()


@pytest.fixture
def client_for():
    """Return a function that makes a boto3 client for any URL."""
    clients = []

    def make(service: str, url: str) -> Any:
        clients.append(boto3_client(service, url))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def server(live) -> LiveEmulator:
    """Return an emulator with the default options."""
    return live()


@pytest.fixture
def vectors():
    """Return payload, checksum and LINEAR functions, written apart from the emulator's."""

    class Vectors:
        payload = staticmethod(payload)
        b64_sha256 = staticmethod(b64_sha256)
        linear = staticmethod(linear)
        zeros = bytes(BLOCK_SIZE_BYTES)

    return Vectors
