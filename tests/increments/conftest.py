"""Uploads against an emulator in the same event loop; boto3 reads what came of them."""

import asyncio
import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from functools import cache

import boto3
import pytest
from botocore.config import Config

from bulkput.config.flags import settings_from_flags
from bulkput.emulator.faults import Fault, FaultKind
from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, EmulatorOptions
from bulkput.emulator.server import Emulator
from bulkput.jobs.session.open import open_context
from bulkput.jobs.state.delivery import mark_delivered
from bulkput.jobs.upload.volume import upload_volume
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.events import Noted

BLOCK = 524_288
ZEROS = bytes(BLOCK)


def content(seed):
    """Return a block made from ``seed``; 0 is zeros, which are written."""
    return ZEROS if seed == 0 else hashlib.sha256(str(seed).encode()).digest() * (BLOCK // 32)


@cache
def digest(seed):
    return hashlib.sha256(content(seed)).digest()


def write_image(path, blocks, block_count):
    """Make ``path`` a sparse file: ``blocks`` by index, holes elsewhere."""
    with path.open("r+b" if path.exists() else "w+b") as image:
        image.truncate(0)
        image.truncate(block_count * BLOCK)
        for index, seed in blocks.items():
            os.pwrite(image.fileno(), content(seed), index * BLOCK)
    return path


def change(image):
    """Block 0 becomes a hole, 1 gets data, 2 stays, 3 stays zeros, 5 changes."""
    return write_image(image, {1: 9, 2: 2, 3: 0, 5: 4}, 8)


@dataclass
class Ends:
    """Listens to a job."""

    notes: list = field(default_factory=list)

    def on_event(self, event):
        if isinstance(event, Noted):
            self.notes.append(event.text)


class Rig:
    """An emulator, a state folder, and uploads through the real pipeline."""

    def __init__(self, emulator, context, observer, state_dir):
        self.emulator = emulator
        self.context = context
        self.state_dir = state_dir
        self._observer = observer
        self._client = boto3.client(
            "ebs",
            endpoint_url=emulator.url,
            region_name="us-east-1",
            aws_access_key_id=DEFAULT_ACCESS_KEY,
            aws_secret_access_key=DEFAULT_SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1}),
        )

    async def upload(self, source, *, delivers=True, **flags):
        """Upload; return the outcome, which counts as delivered unless ``delivers`` says no."""
        loaded = settings_from_flags(source, flags=flags, environ={})
        self._observer.notes.clear()
        outcome = await upload_volume(self.context, loaded.settings.volumes[0])
        if delivers:
            mark_delivered((outcome,))
        return outcome

    async def done(self, source, **flags):
        """Upload, expect success, return the outcome."""
        outcome = await self.upload(source, **flags)
        assert (outcome.status, outcome.error) == ("completed", None)
        return outcome

    @property
    def notes(self):
        return " / ".join(self._observer.notes)

    async def cut_short(self, source, puts, **flags):
        """Upload until ``puts`` are through, then be refused for good."""
        fault = Fault(kind=FaultKind.ACCESS_DENIED, operation="PutSnapshotBlock", nth=puts + 1)
        self.emulator.faults.add(fault)
        return await self.upload(source, **flags)

    async def cancelled(self, source, after_s, **flags):
        """Upload, and be ordered to leave after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after_s):
                return await self.upload(source, **flags)
        return None

    def no_faults(self):
        self.emulator.faults.clear()

    async def shown(self, snapshot_id):
        """Return what boto3 reads: index to digest."""
        return await asyncio.to_thread(self._read, snapshot_id)

    def _read(self, snapshot_id):
        found, page = {}, {}
        while True:
            answer = self._client.list_snapshot_blocks(SnapshotId=snapshot_id, **page)
            for block in answer["Blocks"]:
                got = self._client.get_snapshot_block(SnapshotId=snapshot_id, **block)
                index = block["BlockIndex"]
                found[index] = hashlib.sha256(got["BlockData"].read()).digest()
            if not answer.get("NextToken"):
                return found
            page = {"NextToken": answer["NextToken"]}

    def spoil(self, snapshot_id, index, block):
        """Let the snapshot hold other bytes than it was given."""
        own = self.emulator.store.get(snapshot_id).layers[0]
        own.write(index, [block], hashlib.sha256(block).digest(), 0.0)

    def kept(self, snapshot_id):
        """Return what the manifest says: index to digest."""
        with Manifest.open(manifest_path(self.state_dir, snapshot_id)) as manifest:
            return {
                index: manifest.digests(index, index + 1).tobytes()
                for extent in manifest.extents()
                for index in range(*extent)
            }

    def record(self, snapshot_id):
        return self.emulator.store.get(snapshot_id).record

    def state(self, snapshot_id):
        """Return EC2's word."""
        found = self.emulator.store.get(snapshot_id)
        return str(found.state(self.emulator.account.clock.unix_s())[0])

    def ids(self):
        return [each.record.snapshot_id for each in self.emulator.store]


@contextlib.asynccontextmanager
async def opened(tmp_path, **options):
    emulator = Emulator(
        EmulatorOptions(
            root=tmp_path / "served",
            completion_delay_s=0.0,
            starts_per_s=None,
            completes_per_s=None,
            lists_per_s=None,
            **options,
        )
    )
    await emulator.start()
    state_dir = tmp_path / "state"
    observer = Ends()
    flags = {"region": "us-east-1", "endpoint_url": emulator.url, "state_dir": state_dir}
    settings = settings_from_flags(tmp_path / "any", flags=flags, environ={}).settings
    try:
        async with open_context(settings, observer) as context:
            yield Rig(emulator, context, observer, state_dir)
    finally:
        await emulator.stop()


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)


@pytest.fixture
async def rig(tmp_path, keys):
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
def tools():
    """The functions above, for tests that no package holds together."""

    class Tools:
        pass

    for function in (content, digest, write_image, change, opened):
        setattr(Tools, function.__name__, staticmethod(function))
    return Tools


@pytest.fixture
def image(tools, tmp_path):
    return tools.write_image(tmp_path / "disk.img", {0: 1, 2: 2, 3: 0, 5: 3}, 8)
