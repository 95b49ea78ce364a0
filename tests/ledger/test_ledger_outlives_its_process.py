"""Open, lock, kill, restart, machine crash: the ledger's life on disk."""

import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from bulkput.ledger import ledger as ledger_module
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.header_file import has_ledger, read_header
from bulkput.ledger.inspection import inspect_ledger
from bulkput.ledger.ledger import TABLE_NAME, Ledger
from bulkput.ledger.record import State, must_be_put
from bulkput.model.errors import IntegrityError, LedgerError
from bulkput.model.exit_code import ExitCode
from bulkput.model.zeros import ZeroPolicy

WRITER = """
import hashlib, sys
from pathlib import Path
from bulkput.ledger.ledger import Ledger
with Ledger.open(Path(sys.argv[1])) as ledger:
    for index in range(ledger.header.block_count):
        digest = hashlib.sha256(str(index).encode()).digest()
        ledger.mark_sent(index, digest)
        print(f"s{index}", flush=True)
        ledger.mark_acknowledged(index, digest)
        print(f"a{index}", flush=True)
"""


def test_the_token_is_on_disk_before_there_is_a_snapshot(folder, tools):
    folder.mkdir(parents=True)
    assert not has_ledger(folder)
    tools.crash(Ledger.create(folder, tools.make_header(client_token="mine")))
    assert has_ledger(folder)
    with Ledger.open(folder) as ledger:
        assert ledger.header.client_token == "mine"
        assert (ledger.header.snapshot_id, ledger.header.phase) == (None, LedgerPhase.STARTING)
        tools.bind(ledger)
        assert ledger.header.phase is LedgerPhase.UPLOADING


def test_a_table_that_was_made_but_never_named_in_the_header_does_not_count(folder, tools):
    ledger = tools.start(folder, 10)
    unbound = replace(ledger.header, snapshot_id=None, phase=LedgerPhase.STARTING)
    ledger.mark_acknowledged(1, tools.digest_of(1))
    ledger._save(unbound)
    tools.crash(ledger)
    with Ledger.open(folder) as ledger:
        tools.bind(ledger)
        assert ledger.counts().unknown == 10


def test_a_second_opener_learns_who_holds_the_folder_and_a_third_comes_in_after(folder, tools):
    with tools.start(folder):
        for opener in (Ledger.open, lambda path: Ledger.create(path, tools.make_header())):
            with pytest.raises(LedgerError, match=f"process {os.getpid()} is working on this"):
                opener(folder)
        assert inspect_ledger(folder).counts.unknown == 2048, "looking on is allowed"
    Ledger.open(folder).close()


def test_create_never_overwrites_a_ledger(folder, tools):
    tools.start(folder).close()
    with pytest.raises(LedgerError, match="holds a ledger already"):
        Ledger.create(folder, tools.make_header())
    Ledger.open(folder).close()


def test_kill_9_amid_marks_loses_no_mark_and_frees_the_lock(folder, tools):
    tools.start(folder, 100_000).close()
    for attempt in range(1, 4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE
        )
        seen = [writer.stdout.readline() for _ in range(3000)]
        with pytest.raises(LedgerError, match=f"process {writer.pid} "):
            Ledger.open(folder)
        writer.send_signal(signal.SIGKILL)
        seen += writer.stdout.read().splitlines(keepends=True)
        writer.wait()
        writer.stdout.close()
        lines = [line.decode().strip() for line in seen if line.endswith(b"\n")]
        acknowledged = sum(word.startswith("a") for word in lines)
        with Ledger.open(folder) as ledger:
            assert not ledger.marks_lost
            states = ledger.states(0, 100_000)
            assert (states[:acknowledged] == 2).all()
            assert (states[: len(lines) - acknowledged] != 0).all()
            assert ledger.counts().sent <= attempt  # one of each run that was killed
            assert ledger.counts().lost == 0


def test_a_new_attempt_knows_nothing_of_the_old_snapshot(folder, tools):
    with tools.start(folder, 10) as ledger:
        ledger.mark_acknowledged(1, tools.digest_of(1))
        ledger.restart(tools.make_header(10, attempt=2, nonce="bb"))
        with pytest.raises(LedgerError):
            ledger.states(0, 10)
        tools.bind(ledger, "snap-0000000000000000b")
        assert ledger.counts().unknown == 10
    with Ledger.open(folder) as ledger:
        assert (ledger.header.attempt, ledger.header.snapshot_id) == (2, "snap-0000000000000000b")


def test_a_ledger_takes_one_snapshot_and_no_other(folder, tools):
    with tools.start(folder) as ledger, pytest.raises(LedgerError, match="cannot take snap-0b"):
        tools.bind(ledger, "snap-0b")


def test_phase_and_amended_facts_are_kept(folder, tools):
    with tools.start(folder) as ledger:
        ledger.enter(LedgerPhase.SEALING, now_unix_s=9.0)
        ledger.amend(replace(ledger.header, source_identity={"kind": "device"}))
        with pytest.raises(ValueError, match="block_count"):
            ledger.amend(replace(ledger.header, block_count=1))
    header = read_header(folder)
    assert (header.phase, header.updated_unix_s) == (LedgerPhase.SEALING, 9.0)
    assert header.source_identity == {"kind": "device"}


def test_files_are_private_whatever_the_umask(folder, tools):
    before = os.umask(0)
    try:
        tools.start(folder).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ledger.json": 0o600, "ledger.bin": 0o600, "lock": 0o600}


@pytest.mark.parametrize("boots", [("one", "two"), ("", ""), ("one", "")])
def test_after_a_machine_crash_unknown_blocks_must_be_put_until_trusted(
    folder, tools, monkeypatch, boots
):
    monkeypatch.setattr(ledger_module, "boot_id", lambda: boots[0])
    ledger = tools.start(folder, 4)
    ledger.mark_acknowledged(1, tools.digest_of(1))
    tools.crash(ledger)
    monkeypatch.setattr(ledger_module, "boot_id", lambda: boots[1])
    for _ in range(2):  # an orderly run in between does not bring the marks back
        with Ledger.open(folder) as ledger:
            assert ledger.marks_lost
            assert must_be_put(ledger.states(0, 4)).tolist() == [True, False, True, True]
            with pytest.raises(IntegrityError):
                ledger.mark_skipped_zero(2, 4)
            with pytest.raises(IntegrityError):
                ledger.linear()
    assert inspect_ledger(folder).problems[0].startswith("records may be missing")
    with Ledger.open(folder) as ledger:
        ledger.trust_unknown()
        ledger.mark_skipped_zero(2, 4)
        assert ledger.linear().changed_blocks_count == 1


def test_an_orderly_close_outlives_the_machine(folder, tools, monkeypatch):
    monkeypatch.setattr(ledger_module, "boot_id", lambda: "one")
    tools.start(folder, 4).close()
    monkeypatch.setattr(ledger_module, "boot_id", lambda: "two")
    with Ledger.open(folder) as ledger:
        assert not ledger.marks_lost


def test_a_table_of_another_snapshot_or_size_is_noticed(folder, tmp_path, tools):
    tools.start(folder, 10).close()
    other = tmp_path / "other"
    tools.start(other, 10, "snap-0f").close()
    (folder / TABLE_NAME).write_bytes((other / TABLE_NAME).read_bytes())
    with pytest.raises(LedgerError, match=r"10 blocks of snap-0f, .* 10 blocks of snap-033d"):
        Ledger.open(folder)


def test_records_of_another_snapshot_do_not_hold(folder, tmp_path, tools):
    with tools.start(folder, 2) as ledger:
        ledger.mark_acknowledged(0, tools.digest_of(1))
    other = tmp_path / "other"
    tools.start(other, 2, "snap-0f").close()
    records = (folder / TABLE_NAME).read_bytes()[80:]
    with (other / TABLE_NAME).open("r+b") as file:
        file.seek(80)
        file.write(records)
    with Ledger.open(other) as ledger:
        assert ledger.counts().lost == 1
        assert must_be_put(ledger.states(0, 2)).tolist() == [True, False]
        with pytest.raises(IntegrityError):
            ledger.linear()


def test_a_full_disk_is_temporary_and_what_was_marked_stays(folder, tools):
    tools.start(folder, 100_000).close()
    script = """
import resource, signal, sys
from pathlib import Path
from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import BulkputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger.open(Path(sys.argv[1]))
ledger.mark_acknowledged(1, bytes(32))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_010, 100_010))
for mark in (
    lambda: ledger.mark_sent(99_999, bytes(32)),
    lambda: ledger.mark_acknowledged(2497, bytes(32)),
    lambda: ledger.mark_sent(2498, b"x" * 32),
    lambda: ledger.mark_skipped_zero(2_500, 90_000),
):
    try:
        mark()
    except BulkputError as error:
        print(error.status, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert len(lines) == 3, "the record that still fits is written"
    for line in lines:
        assert line.startswith(f"{ExitCode.TEMPORARY} {folder}/ledger.bin: cannot record block")
        assert "run the same command again" in line
    with Ledger.open(folder) as ledger:
        assert ledger.counts().acknowledged == 2
        assert ledger.states(2498, 2499) == State.LOST, "ten bytes of it fitted"


def test_a_really_full_file_system_gives_an_error_and_no_signal(tmp_path, tools):
    mount = tmp_path / "mount"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs here")
    try:
        ledger = tools.start(mount / "disk", 1_000_000)
        script = """
import sys
from pathlib import Path
from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import BulkputError
try:
    with Ledger.open(Path(sys.argv[1])) as ledger:
        for index in range(0, 1_000_000, 100):
            ledger.mark_sent(index, bytes(32))
except BulkputError as error:
    sys.exit(error.status)
"""
        ledger.close()
        done = subprocess.run(
            [sys.executable, "-c", script, str(mount / "disk")], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (ExitCode.TEMPORARY, b"")
        assert read_header(mount / "disk").snapshot_id == tools.snapshot_id
        assert inspect_ledger(mount / "disk").counts.sent > 10
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_amended_policy_of_the_start_is_kept(folder, tools):
    folder.mkdir(parents=True)
    with Ledger.create(folder, tools.make_header()) as ledger:
        ledger.bind("snap-0a", zero_policy=ZeroPolicy.WRITE, encrypted=True, now_unix_s=3.0)
    header = read_header(folder)
    assert (header.zero_policy, header.encrypted) == (ZeroPolicy.WRITE, True)
