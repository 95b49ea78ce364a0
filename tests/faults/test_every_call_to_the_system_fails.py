"""Each place that calls the system fails once, by every verb: a sentence and a code, never code 1.

In this process: functions of ``os`` and the like are replaced by ones that raise at one place of
the program. A place is a function and the line of the program that called it.
"""

import builtins
import contextlib
import errno
import fcntl
import io
import json
import mmap
import os
import random
import sys
import time
from pathlib import Path

import pytest
from faults.emulated import emulated
from support.images import qemu_img
from support.whole import ACCESS_KEY, BLOCK, SECRET_KEY

import bulkput
from bulkput.cli.main import status_of

_ROOT = str(Path(bulkput.__file__).parent)
_EMULATOR = f"{_ROOT}/emulator/"
_FRAMES_MAX = 8

_CALLS = [
    *(
        (os, name)
        for name in (
            *("open", "stat", "lstat", "fstat", "fstatvfs", "statvfs", "access", "readlink"),
            *("mkdir", "rename", "replace", "unlink", "rmdir", "chmod", "listdir", "scandir"),
            *("read", "pread", "preadv", "write", "pwrite", "lseek", "fsync", "fdatasync"),
            *("ftruncate", "posix_fadvise", "posix_fallocate", "truncate", "pipe", "dup"),
        )
    ),
    (fcntl, "flock"),
    (fcntl, "ioctl"),
    (mmap, "mmap"),
    (io, "open"),
    (builtins, "open"),
]


class Faults:
    """Counts places, and raises at one of them."""

    def __init__(self):
        self.seen = []
        self.fails_at = None
        self.number = errno.EIO
        self.raised = False

    def meet(self, name):
        place = self._place(name)
        if place is None:
            return
        if place == self.fails_at:
            if not self.raised:
                self.raised = True
                raise OSError(self.number, os.strerror(self.number), "planted")
        elif self.fails_at is None and place not in self.seen:
            self.seen.append(place)

    @staticmethod
    def _place(name):
        frame = sys._getframe(2)
        for _ in range(_FRAMES_MAX):
            if frame is None:
                return None
            path = frame.f_code.co_filename
            if "importlib" in path or path.startswith("<frozen"):
                return None
            if path.startswith(_ROOT):
                if path.startswith(_EMULATOR):
                    return None
                return name, path[len(_ROOT) + 1 :], frame.f_lineno
            frame = frame.f_back
        return None

    @contextlib.contextmanager
    def planted(self):
        with pytest.MonkeyPatch.context() as patch:
            for module, name in _CALLS:
                real = getattr(module, name)
                if isinstance(real, type):
                    patch.setattr(module, name, self._class(real))
                else:
                    patch.setattr(module, name, self._function(name, real))
            yield self

    def _function(self, name, real):
        def call(*arguments, **options):
            self.meet(name)
            return real(*arguments, **options)

        return call

    def _class(self, real):
        faults = self

        class Planted(real):
            def __new__(cls, *arguments, **options):
                faults.meet(real.__name__)
                return real.__new__(cls, *arguments, **options)

        return Planted


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A server with one snapshot, a source, and a way to run a verb in this process."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    source = tmp_path / "disk.img"
    source.write_bytes(random.Random(5).randbytes(3 * BLOCK))
    with emulated(tmp_path / "emulator") as server:
        yield World(tmp_path, server, source)


class World:
    def __init__(self, tmp_path, server, source):
        self.tmp_path = tmp_path
        self.server = server
        self.source = source
        self.turn = 0
        self.job = tmp_path / "job.yaml"
        self.job.write_text(f"version: 1\nvolumes:\n  - source: {source}\n")

    def run(self, arguments, capfd, state=None):
        """Run a verb, in a state folder of its own if none is named; return code and stderr."""
        self.turn += 1
        state = state or self.tmp_path / f"state-{self.turn}"
        service = ["--endpoint-url", self.server.url, "--region", "us-east-1"]
        command = [*arguments, *service, "--state-dir", str(state), "--output", "json"]
        status = status_of([str(each) for each in command])
        captured = capfd.readouterr()
        return status, captured.err, captured.out


def verb_arguments(verb, world, snapshot_id):
    target = world.tmp_path / f"restored-{world.turn}.img"
    return {
        "upload": ["upload", world.source],
        "plan": ["plan", world.source],
        "verify": ["verify", snapshot_id, "--source", world.source],
        "download": ["download", snapshot_id, target],
        "copy": [
            *("copy", snapshot_id, "--to-region", "us-east-1"),
            *("--to-endpoint-url", world.server.url),
        ],
        "check": ["check", world.job],
    }[verb]


@pytest.mark.parametrize(
    "verb",
    [
        *("upload", "plan", "verify", "download", "check"),
        pytest.param("copy", marks=pytest.mark.long),  # mostly the places of an upload
    ],
)
def test_no_failing_call_is_a_bug_of_the_program(world, verb, capfd):
    status, err, out = world.run(["upload", world.source], capfd)
    assert status == 0, err
    snapshot_id = json.loads(out)["snapshot_id"]
    faults = Faults()
    with faults.planted():
        status, err, _ = world.run(verb_arguments(verb, world, snapshot_id), capfd)
    assert status == 0 or verb == "check", err
    places = list(faults.seen)
    assert len(places) > 5
    wrong = []
    for place in places:
        faults = Faults()
        faults.fails_at = place
        with faults.planted():
            status, err, _ = world.run(verb_arguments(verb, world, snapshot_id), capfd)
        if status == 1 or "Traceback" in err:
            wrong.append((place, status, err.splitlines()[-1:]))
    assert wrong == []


@pytest.mark.parametrize("image_format", ["raw", "qcow2", "vmdk"])
def test_an_upload_needs_no_clock_that_is_refused(world, image_format, capfd, monkeypatch):
    """``time.sleep`` ends in EINVAL under libfaketime, once a clock was set back by the uptime."""

    def refuse(_):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    source = world.tmp_path / f"image.{image_format}"
    qemu_img("convert", "-O", image_format, world.source, source)
    monkeypatch.setattr(time, "sleep", refuse)
    status, err, out = world.run(["upload", source], capfd)
    assert status == 0, err
    snapshot_id = json.loads(out)["snapshot_id"]
    status, err, _ = world.run(["verify", snapshot_id, "--source", source], capfd)
    assert status == 0, err


_STATE_ROOMS = ("ledger/", "destination/", "jobs/state/")
_ROOMS = {"increment": _STATE_ROOMS, "download": _STATE_ROOMS, "upload": ("",)}
"""Where calls fail before a rerun; an upload fails everywhere."""
_NUMBERS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EINTR, errno.EROFS)


@pytest.mark.parametrize(
    ("verb", "step"),
    [
        *(("increment", 15), ("download", 15), ("upload", 15)),
        *(pytest.param(verb, 1, marks=pytest.mark.long) for verb in _ROOMS),
    ],
)
def test_after_a_failing_call_the_same_command_ends_right(world, verb, step, capfd):
    status, err, out = world.run(["upload", world.source], capfd)
    assert status == 0, err
    made = json.loads(out)
    changed = world.tmp_path / "changed.img"
    changed.write_bytes(world.source.read_bytes()[:-BLOCK] + random.Random(6).randbytes(BLOCK))

    def arguments():
        if verb == "download":
            return ["download", made["snapshot_id"], world.tmp_path / f"back-{world.turn}.img"]
        if verb == "upload":
            return ["upload", changed]
        parent = ("--parent", made["snapshot_id"], "--parent-manifest", made["manifest"])
        return ["upload", changed, *parent]

    faults = Faults()
    with faults.planted():
        assert world.run(arguments(), capfd)[0] == 0
    places = [place for place in faults.seen if place[1].startswith(_ROOMS[verb])]
    assert len(places) > step
    for number, place in enumerate(places[::step]):
        faults = Faults()
        faults.fails_at, faults.number = place, _NUMBERS[number % len(_NUMBERS)]
        state, command = world.tmp_path / f"{verb}-{number}", arguments()
        with faults.planted():
            world.run(command, capfd, state)
        assert faults.raised, place
        if verb == "download" and command[-1].exists():  # done, whatever failed after it
            assert command[-1].read_bytes()[: 3 * BLOCK] == world.source.read_bytes()
            continue
        status, err, out = world.run(command, capfd, state)
        assert status == 0, (place, err)
        if verb == "download":
            assert command[-1].read_bytes()[: 3 * BLOCK] == world.source.read_bytes()
        else:
            snapshot_id = json.loads(out)["snapshot_id"]
            assert world.run(["verify", snapshot_id, "--source", changed], capfd)[0] == 0, place
