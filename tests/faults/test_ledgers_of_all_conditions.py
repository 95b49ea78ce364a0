"""Ledgers that are locked, torn, cut, foreign, or cannot be written: never a wrong skip."""

import json
import os
import random
import shutil

import pytest
from faults.emulated import until

BLOCKS = 30


@pytest.fixture
def slow(live):
    return live(latency_ms=30)


def damage(name, how):
    return lambda folder, _: how(folder / name)


def copy(*names):
    def act(folder, neighbour):
        for name in names:
            shutil.copyfile(neighbour / name, folder / name)

    return act


def cut(share):
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def flip(seed):
    def act(path):
        content = bytearray(path.read_bytes())
        chance = random.Random(seed)
        for _ in range(40):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)

    return act


def other_version(path):
    content = json.loads(path.read_text())
    content["format_version"] = 999
    path.write_text(json.dumps(content))


CONDITIONS = {
    "json is empty": damage("ledger.json", cut(0)),
    "json is half": damage("ledger.json", cut(0.5)),
    "json is noise": damage("ledger.json", lambda path: path.write_bytes(os.urandom(500))),
    "json is a list": damage("ledger.json", lambda path: path.write_text("[1, 2]")),
    "json is flipped": damage("ledger.json", flip(1)),
    "json is missing": damage("ledger.json", lambda path: path.unlink()),
    "json is a folder": damage("ledger.json", lambda path: (path.unlink(), path.mkdir())),
    "version is another": damage("ledger.json", other_version),
    "table is empty": damage("ledger.bin", cut(0)),
    "table's head is cut": damage("ledger.bin", lambda path: os.truncate(path, 20)),
    "table is cut early": damage("ledger.bin", lambda path: os.truncate(path, 4096 + 100)),
    "table is half": damage("ledger.bin", cut(0.5)),
    "table lacks a byte": damage(
        "ledger.bin", lambda path: os.truncate(path, path.stat().st_size - 1)
    ),
    "table is flipped": damage("ledger.bin", flip(2)),
    "table is noise": damage(
        "ledger.bin", lambda path: path.write_bytes(os.urandom(path.stat().st_size))
    ),
    "table is longer": damage("ledger.bin", lambda path: os.truncate(path, 10_000_000)),
    "table is missing": damage("ledger.bin", lambda path: path.unlink()),
    "all is another volume's": copy("ledger.json", "ledger.bin"),
    "table is another volume's": copy("ledger.bin"),
}
REFUSED = {
    *("json is empty", "json is half", "json is noise", "json is a list", "json is flipped"),
    *("json is a folder", "version is another"),
    *("all is another volume's", "table is another volume's"),
}
"""All others lose no more than puts."""


def several(tmp_path, sources):
    """Write a job of all these volumes at once."""
    path = tmp_path / f"{len(sources)}-volumes.yaml"
    volumes = "".join(f"  - source: {source}\n" for source in sources)
    path.write_text(f"version: 1\nparallel: {len(sources)}\nvolumes:\n{volumes}")
    return path


def test_damaged_ledgers_never_lead_to_a_wrong_snapshot(slow, bulkput, image, check, tmp_path):
    conditions = dict.fromkeys(CONDITIONS)
    for number, condition in enumerate(conditions):
        conditions[condition] = image(8, f"{number:02}.img", seed=number)
    program = bulkput(slow, in_flight_max=1, puts_per_s_account=70)
    whole = image(8, "whole.img", seed=99)
    config = several(tmp_path, [*conditions.values(), whole])
    with program.start("run", config) as running:
        until(lambda: slow.stored >= 5 * len(conditions))
        running.kill()
        running.communicate()
    (neighbour,) = program.state_dir.glob("whole.img-*")
    for condition, source in conditions.items():
        (folder,) = program.state_dir.glob(f"{source.name}-*")
        CONDITIONS[condition](folder, neighbour)
    done = program.run("run", config)
    assert done.returncode == 8, done.stderr
    refused = {}
    *outcomes, never_sent = json.loads(done.stdout)["volumes"]
    assert never_sent["exit_code"] == 0, never_sent
    check(slow, never_sent["snapshot_id"], whole)
    for (condition, source), outcome in zip(conditions.items(), outcomes, strict=True):
        if outcome["exit_code"] == 0:
            check(slow, outcome["snapshot_id"], source)
            continue
        refused[condition] = source
        assert outcome["exit_code"] == 3, (condition, outcome)
        (folder,) = program.state_dir.glob(f"{source.name}-*")
        assert str(folder) in outcome["error"], (condition, outcome)
        in_the_way = condition == "json is a folder"  # nothing of it is the program's to remove
        assert ("is in the way" if in_the_way else "remove") in outcome["error"], outcome
        shutil.rmtree(folder)
    assert set(refused) == REFUSED
    again = program.run("run", several(tmp_path, list(refused.values())))
    assert again.returncode == 0, again.stderr
    for source, outcome in zip(refused.values(), json.loads(again.stdout)["volumes"], strict=True):
        check(slow, outcome["snapshot_id"], source)


def test_two_programs_do_not_work_on_one_upload(slow, bulkput, image, check, ends):
    source = image(BLOCKS)
    program = bulkput(slow, puts_per_s_snapshot=8)
    with program.start("upload", source) as running:
        until(lambda: slow.stored >= 3)
        reported = ends(program.run("upload", source), 3, str(running.pid))
        assert "is working on this upload" in reported
        out, err = running.communicate(timeout=20)
    assert running.returncode == 0, err
    assert len(slow.snapshots) == 1
    check(slow, json.loads(out)["snapshot_id"], source)


@pytest.mark.parametrize("obstacle", ["below a file", "read-only"])
def test_a_state_folder_that_cannot_be_is_reported(
    server, bulkput, image, ends, tmp_path, small_disk, obstacle
):
    program = bulkput(server)
    if obstacle == "read-only":
        program.state_dir = small_disk(1 << 20, "ro") / "state"
    else:
        (tmp_path / "file").touch()
        program.state_dir = tmp_path / "file" / "state"
    ends(program.run("upload", image(3)), 3, str(program.state_dir))
    assert server.snapshots == []


@pytest.mark.parametrize("size_kib", [12, 40])
def test_a_full_disk_under_the_ledger_is_reported(
    server, bulkput, image, check, ends, small_disk, size_kib
):
    source = image(BLOCKS)
    folder = small_disk(size_kib << 10)
    program = bulkput(server)
    program.is_disk_full = True
    program.state_dir = folder / "state"
    done = program.run("upload", source)
    if done.returncode:
        assert done.returncode > 0, f"ended by signal {-done.returncode}: {done.stderr}"
        reported = ends(done, done.returncode, str(folder))
        assert done.returncode == 5, done.stderr
        assert " free, and the ledger and manifest of this upload may take" in reported
    else:
        check(server, json.loads(done.stdout)["snapshot_id"], source)


def test_a_disk_that_fills_while_blocks_are_put_is_reported_and_resumed(
    slow, bulkput, image, check, small_disk
):
    source = image(BLOCKS)
    folder = small_disk(4 << 20)
    program = bulkput(slow, in_flight_max=4, puts_per_s_snapshot=60)
    program.state_dir = folder / "state"
    program.is_disk_full = True
    with program.start("upload", source) as running:
        until(lambda: slow.stored >= 6)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        out, err = running.communicate(timeout=20)
    assert "Traceback" not in err
    if running.returncode:
        assert running.returncode in (3, 5), (running.returncode, err)
        assert "the disk is full" in err
        filler.unlink()
        out = program.run("upload", source).stdout
    check(slow, json.loads(out)["snapshot_id"], source)
