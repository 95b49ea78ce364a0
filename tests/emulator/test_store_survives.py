import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from bulkput.emulator.geometry import BLOCK_SIZE_BYTES
from bulkput.emulator.layer import Layer, LayerError
from bulkput.emulator.layer_files import OpenLayers
from bulkput.emulator.store import Store, StoreError

SERVE = """
import sys
from pathlib import Path
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.serve import run
options = EmulatorOptions(root=Path(sys.argv[1]), verify_signatures=False,
    puts_per_s_snapshot=None, puts_per_s_account=None, completion_delay_s=0.0)
run(options, lambda url: print(url, flush=True))
"""


class Killable:
    """An emulator in a process of its own."""

    def __init__(self, root):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(root)], stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()

    def end(self, number):
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status


@pytest.fixture
def killable(tmp_path):
    started = []

    def start():
        server = Killable(tmp_path / "root")
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def block(seed):
    return random.Random(seed).randbytes(64) * (BLOCK_SIZE_BYTES // 64)


def put(layer, index, data, now_unix_s=0.0):
    layer.write(index, [data[:1000], data[1000:]], hashlib.sha256(data).digest(), now_unix_s)


def test_everything_is_there_after_a_restart(live, vectors):
    server = live()
    a, b = vectors.payload("a"), vectors.payload("b")
    parent = server.snapshot(
        {0: a, 1: vectors.zeros}, Description="x", Tags=[{"Key": "k", "Value": "v"}]
    )
    child = server.start(ParentSnapshotId=parent, ClientToken="again")
    server.put(child, 1, b)
    deleted = server.start(ClientToken="gone")
    server.ec2.delete_snapshot(SnapshotId=deleted)
    live.stop(server)

    server = live()
    server.settle()
    assert server.state(parent) == ("completed", None)
    assert server.blocks(parent) == {0: a, 1: vectors.zeros}
    (shown,) = server.ec2.describe_snapshots(SnapshotIds=[parent])["Snapshots"]
    assert (shown["Description"], shown["Tags"]) == ("x", [{"Key": "k", "Value": "v"}])
    assert server.start(ParentSnapshotId=parent, ClientToken="again") == child
    assert server.start(ClientToken="gone") == deleted
    server.seal(child, {1: b})
    server.settle()
    assert server.blocks(child) == {0: a, 1: b}


def test_the_inactivity_timer_runs_on_across_a_restart(live, vectors):
    server = live(verify_signatures=False)
    snapshot_id = server.start(Timeout=10)
    server.clock.advance(9 * 60)
    server.put(snapshot_id, 0, vectors.zeros)
    live.stop(server)
    server = live(verify_signatures=False)
    server.clock.advance(18 * 60)
    assert server.state(snapshot_id)[0] == "pending"
    server.clock.advance(2 * 60)
    assert server.state(snapshot_id) == ("error", "Snapshot timed out")


def test_a_folder_is_served_by_one_emulator_at_a_time(tmp_path):
    first = Store(tmp_path)
    with pytest.raises(StoreError, match="served by another"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_a_server_ends_in_order_on_sigterm_and_sigint(killable):
    for number in (signal.SIGTERM, signal.SIGINT):
        assert killable().end(number) == 0


def test_what_was_acknowledged_survives_kill_9_and_nothing_else_is_claimed(
    killable, client_for, tmp_path, vectors
):
    """Writers hammer blocks, overwriting most, until the server is killed under them."""
    server = killable()
    client = client_for("ebs", server.url)
    snapshot_id = client.start_snapshot(VolumeSize=1)["SnapshotId"]
    acknowledged, sent = {}, {}
    enough = threading.Event()

    def write(worker):
        chooser = random.Random(worker)
        for number in range(10_000):
            index = worker + 4 * chooser.randrange(8)
            data = vectors.zeros if number % 5 == 0 else block(f"{worker} {number}")
            sent[index] = data
            try:
                client.put_snapshot_block(
                    SnapshotId=snapshot_id,
                    BlockIndex=index,
                    BlockData=data,
                    DataLength=len(data),
                    Checksum=vectors.b64_sha256(data),
                    ChecksumAlgorithm="SHA256",
                )
            except (BotoCoreError, ClientError, OSError):
                return
            acknowledged[index] = data
            if number == 40:
                enough.set()

    writers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in writers:
        thread.start()
    assert enough.wait(60)
    server.end(signal.SIGKILL)
    for thread in writers:
        thread.join(60)

    layer = Layer.open(tmp_path / "root" / "layers" / snapshot_id, OpenLayers())
    for index in range(2048):
        if not layer.has(index):
            assert index not in acknowledged
            continue
        data = layer.read(index)
        assert hashlib.sha256(data).digest() == layer.digest(index)
        assert data in (acknowledged.get(index), sent[index])
    count = layer.written_count
    assert len(acknowledged) <= count <= len(sent)
    layer.close()
    again = killable()
    client_for("ebs", again.url).complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=count)
    (shown,) = client_for("ec2", again.url).describe_snapshots(SnapshotIds=[snapshot_id])[
        "Snapshots"
    ]
    assert shown["State"] == "completed"


@pytest.mark.parametrize("dies_at", range(8))
def test_an_overwrite_that_is_cut_off_anywhere_leaves_the_old_block_or_the_new(
    tmp_path, monkeypatch, dies_at
):
    class Death(BaseException):
        pass

    old, new = block("old"), block("new")
    layer = Layer.create(tmp_path / "layer", 2048, OpenLayers())
    put(layer, 9, old)
    calls = iter(range(1000))

    def mortal(real, halves):
        def call(*arguments):
            if next(calls) == dies_at:
                if halves:  # half of the bytes still reach the disk
                    fd, chunks, offset = arguments
                    whole = b"".join(chunks)
                    real(fd, [whole[: len(whole) // 2]], offset)
                raise Death
            return real(*arguments)

        return call

    monkeypatch.setattr(os, "pwritev", mortal(os.pwritev, halves=True))
    monkeypatch.setattr(os, "pwrite", mortal(os.pwrite, halves=False))
    monkeypatch.setattr(os, "truncate", mortal(os.truncate, halves=False))
    died = False
    try:
        put(layer, 9, new)
    except Death:
        died = True
    monkeypatch.undo()
    layer.close()

    again = Layer.open(tmp_path / "layer", OpenLayers())
    data = again.read(9)
    assert data == new if not died else data in (old, new)
    assert again.digest(9) == hashlib.sha256(data).digest()
    assert again.written_count == 1
    assert died == (dies_at < 4)
    again.close()


def test_the_same_put_again_touches_no_bytes(tmp_path, monkeypatch):
    layer = Layer.create(tmp_path / "layer", 2048, OpenLayers())
    put(layer, 3, block("x"))
    monkeypatch.setattr(os, "pwritev", None)
    put(layer, 3, block("x"))
    assert layer.written_count == 1
    layer.close()


def test_an_index_of_another_version_is_refused(tmp_path):
    Layer.create(tmp_path / "layer", 2048, OpenLayers()).close()
    with (tmp_path / "layer" / "index").open("r+b") as file:
        file.write(b"something else entirely")
    with pytest.raises(LayerError, match="not an index of this version"):
        Layer.open(tmp_path / "layer", OpenLayers())


def test_layers_without_a_record_are_removed_at_the_start(tmp_path):
    store = Store(tmp_path)
    store.close()
    Layer.create(tmp_path / "layers" / "snap-0", 2048, OpenLayers()).close()
    (tmp_path / "records" / "snap-0.new").write_text(json.dumps({"half": "a record"}))
    store = Store(tmp_path)
    assert (list(store), list((tmp_path / "layers").iterdir())) == ([], [])
    store.close()


def test_a_snapshot_of_an_older_version_is_in_every_region(live):
    server = live()
    snapshot_id = server.start(ClientToken="older")
    live.stop(server)
    (path,) = (server.options.root / "records").glob("*.json")
    record = json.loads(path.read_text())
    for name in ("region", "is_copy", "create_volume_permissions"):
        del record[name]
    path.write_text(json.dumps({**record, "sealed_unix_s": None}))
    store = Store(server.options.root)
    try:
        for region in ("eu-central-1", "us-west-2"):
            assert store.get(snapshot_id).record.is_in(region)
            assert store.by_client_token("older", region) is store.get(snapshot_id)
    finally:
        store.close()


def descriptors():
    return {link.name for link in Path("/proc/self/fd").iterdir()}


def test_a_hundred_layers_have_few_files_open_and_none_after_the_end(tmp_path):
    before = descriptors()
    layers_open = OpenLayers()
    layers = [Layer.create(tmp_path / str(number), 2048, layers_open) for number in range(100)]
    for index in (0, 7):
        for number, layer in enumerate(layers):
            data = block(number + index)
            layer.write(index, (data,), hashlib.sha256(data).digest(), 0.0)
    assert len(descriptors() - before) <= 100
    for number, layer in enumerate(layers):
        assert (layer.read(7), layer.written_count) == (block(number + 7), 2)
        assert list(layer.marks[:8]) == [1, 0, 0, 0, 0, 0, 0, 1]
    for layer in layers:
        layer.close()
    assert descriptors() <= before
