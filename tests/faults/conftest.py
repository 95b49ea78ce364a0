"""Servers failing as asked, a program that is patient for seconds only, sources of some blocks."""

import contextlib
import json
import random
import subprocess

import pytest
from faults.emulated import emulated
from faults.proxy import Proxy
from support.loops import loop_devices
from support.whole import BLOCK, ENVIRONMENT, Program, read_with_boto3, same_content

QUICK = {
    "CONNECT_DEADLINE": "1s",
    "NO_PROGRESS_DEADLINE": "0.5s",
    "ATTEMPT_DEADLINE": "1s",
    "OPERATION_DEADLINE": "20s",
    "GIVE_UP_AFTER": "20s",
    "SHUTDOWN_GRACE": "3s",
    "HASH_WORKERS": "1",
}
"""Deadlines that let a stall be noticed within a test."""


@pytest.fixture
def live(tmp_path):
    """Return a function that starts an emulator; its faults must all be reached."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(emulated(tmp_path / "emulator", **options))


@pytest.fixture
def server(live):
    return live()


@pytest.fixture
def proxied():
    """Return a function that starts a proxy; each of its spoilers must be reached."""
    proxies = []

    def start(*arguments, **options):
        proxies.append(Proxy(*arguments, **options))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()
    assert [proxy.unreached for proxy in proxies if proxy.unreached] == []


@pytest.fixture
def bulkput(tmp_path):
    """Return a function that makes a Program for a server; keywords are ``tuning`` keys."""

    def make(server, environment=None, **tuning):
        settings = {f"BULKPUT_TUNING_{name.upper()}": str(value) for name, value in tuning.items()}
        quick = {f"BULKPUT_TUNING_{name}": value for name, value in QUICK.items()}
        base = dict(ENVIRONMENT, HOME=str(tmp_path))
        return Program(server, tmp_path / "state", base | quick | settings | (environment or {}))

    return make


@pytest.fixture
def image(tmp_path):
    """Return a function that writes a source of so many blocks, all different."""

    def make(block_count=24, name="disk.img", seed=1, tail_bytes=0):
        path = tmp_path / name
        content = random.Random(seed)
        with path.open("wb") as file:
            for _ in range(block_count):
                file.write(content.randbytes(BLOCK))
            file.write(content.randbytes(tail_bytes))
        return path

    return make


@pytest.fixture
def job(tmp_path):
    """Return a function that writes a job of one volume."""

    def write(source, text="", name="job.yaml"):
        path = tmp_path / name
        path.write_text(f"version: 1\nvolumes:\n  - source: {source}\n{text}")
        return path

    return write


@pytest.fixture
def check(tmp_path):
    """Return a function that holds a snapshot against its source, byte for byte, by boto3."""

    def compare(server, snapshot_id, source):
        copy = tmp_path / f"{snapshot_id}.img"
        size_bytes = source.stat().st_size
        read_with_boto3(server, snapshot_id, copy, size_bytes)
        assert server.state(snapshot_id) == ("completed", "")
        assert same_content(source, copy, size_bytes)
        copy.unlink()

    return compare


@pytest.fixture
def ends():
    """Return a function that holds a finished run against an exit code and words on stderr."""

    def verify(done, code, *words):
        assert done.returncode == code, (done.returncode, done.stderr, done.stdout)
        assert "Traceback" not in done.stderr
        reported = " ".join(done.stderr.split())
        for word in words:
            assert word in reported, (word, done.stderr)
        if code != 2 and done.stdout:
            assert json.loads(done.stdout)["exit_code"] == code
        return reported

    return verify


@pytest.fixture
def loop_device():
    with loop_devices() as attach:
        yield attach


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a tmpfs of some bytes, or skips with the reason."""
    mounted = []

    def mount(size_bytes, *options):
        folder = tmp_path / f"tmpfs-{len(mounted)}"
        folder.mkdir()
        wanted = ",".join((f"size={size_bytes}", *options))
        command = ["mount", "-t", "tmpfs", "-o", wanted, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("mount is not installed")
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
