"""What a measurement leaves behind for the plan: of this host only, and never in the way."""

import json
import platform
import time

import pytest

from bulkput.jobs.state.host_speed import (
    HostSpeed,
    keep_host_speed,
    kept_host_speed,
    processor_name,
)


@pytest.fixture
def kept(tmp_path):
    speed = HostSpeed(500.0, 800.0, time.time() - 60)
    return speed, keep_host_speed(tmp_path / "state", speed)


def test_it_is_read_as_it_was_written(kept):
    speed, path = kept
    assert kept_host_speed(path.parent) == speed
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fact", ["machine", "kernel", "processor", "processors"])
def test_that_of_another_host_does_not_count(kept, fact):
    _, path = kept
    content = json.loads(path.read_bytes())
    content["host"][fact] = "another"
    path.write_text(json.dumps(content))
    assert kept_host_speed(path.parent) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"version": 1, "host": null}',
        {"version": 2},
        {"snapshot_puts_per_s": 0},
        {"all_puts_per_s": "fast"},
        {"all_puts_per_s": None},
        {"measured_unix_s": 9e12},
    ],
)
def test_what_cannot_be_used_is_passed_over(kept, content):
    _, path = kept
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_bytes()) | content).encode()
    path.write_bytes(content)
    assert kept_host_speed(path.parent) is None


def test_nothing_is_kept_where_nothing_was_measured(tmp_path):
    assert kept_host_speed(tmp_path) is None
    assert kept_host_speed(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 7R13\n", "AMD EPYC 7R13"),
        ("model name\t:\n", None),
        ("CPU part\t: 0xd40\n", None),  # Arm has none
        (None, None),
    ],
)
def test_the_processors_name(tmp_path, text, name):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    assert processor_name(path) == (name or platform.machine())
