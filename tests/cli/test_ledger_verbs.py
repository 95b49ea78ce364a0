"""``ledger show`` and ``ledger verify``: what they say of sound, damaged and busy ledgers."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.ledgers import make_header

from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.model.zeros import ZeroPolicy

ROOT = Path(__file__).parents[2]
SNAPSHOT = "snap-0123456789abcdef0"
HEAD_BYTES, RECORD_BYTES = 80, 40


@pytest.fixture
def state_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def folder(state_dir):
    """Return the folder of a ledger with blocks in every state."""
    folder = state_dir / "web.img-0123456789ab"
    folder.mkdir(parents=True, mode=0o700)
    header = make_header(
        100,
        attempt=2,
        source_path="/disks/\x1b[31mweb.img",
        region="eu-central-1",
        created_unix_s=1.0,
        updated_unix_s=2.0,
    )
    with Ledger.create(folder, header) as ledger:
        ledger.bind(SNAPSHOT, zero_policy=ZeroPolicy.SKIP, encrypted=False, now_unix_s=3.0)
        for index in (*range(10), 12):
            digest = hashlib.sha256(bytes([index])).digest()
            ledger.mark_sent(index, digest)
            if index != 5:
                ledger.mark_acknowledged(index, digest)
        ledger.mark_skipped_zero(20, 30)
    return folder


def flip(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("way", ["folder", "snapshot", "volume"])
def test_show_reports_states_and_ranges(bulkput, folder, way):
    target = {"folder": folder, "snapshot": SNAPSHOT, "volume": "web.img"}[way]
    ended = bulkput("ledger", "show", target)
    assert (ended.status, ended.err) == (0, "")
    lines = {line[:13].strip(): line[13:].strip() for line in ended.out.splitlines()}
    assert lines["snapshot"] == SNAPSHOT
    assert lines["phase"] == "uploading, attempt 2"
    assert "\x1b" not in ended.out
    shown = "".join(ended.out.split())
    for words in (
        "acknowledged10",
        "skippedzero10",
        "sent1",
        "unknown79",
        "acknowledged0-4,6-9,12",
        "indoubt5",
        "inusebynobody",
    ):
        assert words in shown


def test_show_in_json_has_the_same(bulkput, folder):
    found = bulkput("ledger", "show", SNAPSHOT, "--output", "json", "--ranges", "2").object
    assert found["header"]["snapshot_id"] == SNAPSHOT
    assert found["counts"]["acknowledged"] == 10
    assert found["acknowledged"]["more"] is True
    assert len(found["acknowledged"]["extents"]) == 2
    assert (found["held"], found["problems"]) == (False, [])


def test_verify_of_a_sound_ledger_is_ok(bulkput, folder):
    assert bulkput("ledger", "verify", folder).out == "ok: 100 records\n"
    assert bulkput("ledger", "verify", folder, "--output=json").object["sound"] is True


@pytest.mark.parametrize("offset", [0, 20, 79, HEAD_BYTES, HEAD_BYTES + 7 * RECORD_BYTES + 33])
def test_verify_finds_one_wrong_bit_of_the_table(bulkput, folder, offset):
    flip(folder / "ledger.bin", offset)
    ended = bulkput("ledger", "verify", folder)
    assert (ended.status, ended.out) == (7, "")
    assert ended.err.startswith(f"bulkput: error: {folder}")
    assert ended.err.count("\n") == 1
    assert bulkput("ledger", "show", folder).status == 0


@pytest.mark.parametrize("size_bytes", [0, 79, 81, HEAD_BYTES + 99 * RECORD_BYTES])
def test_verify_finds_a_cut_table(bulkput, folder, size_bytes):
    os.truncate(folder / "ledger.bin", size_bytes)
    assert bulkput("ledger", "verify", folder).status == 7


def test_verify_finds_a_wrong_bit_of_the_header(bulkput, folder):
    content = (folder / "ledger.json").read_bytes()
    for offset in range(0, len(content), 37):
        flip(folder / "ledger.json", offset)
        ended = bulkput("ledger", "verify", folder)
        assert (ended.status, ended.out) == (3, ""), offset
        assert ended.err.count("\n") == 1
        (folder / "ledger.json").write_bytes(content)


def test_verify_finds_a_table_of_another_snapshot(bulkput, folder, state_dir):
    content = (folder / "ledger.bin").read_bytes()
    with Ledger.open(folder) as ledger:
        header = ledger.header
    other = state_dir / "other-0123456789ab"
    other.mkdir(mode=0o700)
    fresh = {**vars(header), "snapshot_id": None, "phase": LedgerPhase.STARTING}
    with Ledger.create(other, LedgerHeader(**fresh)) as ledger:
        ledger.bind("snap-0f", zero_policy=ZeroPolicy.SKIP, encrypted=False, now_unix_s=3.0)
    (other / "ledger.bin").write_bytes(content)
    assert bulkput("ledger", "verify", other).status == 3


def test_a_ledger_before_its_start_is_shown_and_sound(bulkput, folder):
    with Ledger.open(folder) as ledger:
        fresh = {**vars(ledger.header), "snapshot_id": None, "phase": LedgerPhase.STARTING}
        ledger.restart(LedgerHeader(**fresh))
    assert bulkput("ledger", "verify", folder).out == "ok: not started\n"
    assert "not started" in bulkput("ledger", "show", "web.img").out


def test_looking_changes_nothing(bulkput, folder):
    def content():
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    before = content()
    for words in (["ledger", "show", folder], ["ledger", "verify", folder], ["jobs"]):
        assert bulkput(*words).status == 0
    assert content() == before


WRITER = """
import hashlib, sys
from pathlib import Path
from bulkput.ledger.ledger import Ledger

with Ledger.open(Path(sys.argv[1])) as ledger:
    print("writing", flush=True)
    turn = 0
    while True:
        turn += 1
        for index in range(100):
            ledger.mark_sent(index, hashlib.sha256(b"%d" % turn).digest())
"""


def test_a_ledger_that_is_being_written_is_shown_and_sound(bulkput, folder):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert writer.stdout.readline() == "writing\n"
        for _ in range(20):
            assert bulkput("ledger", "verify", folder).status == 0
        assert f"process {writer.pid}" in bulkput("ledger", "show", folder).out
    finally:
        writer.kill()
        writer.wait(30)
        writer.stdout.close()


@pytest.mark.parametrize("verb", ["show", "verify"])
@pytest.mark.parametrize("target", ["nothing", "/", "snap-1", "/dev/null", "x" * 300])
def test_what_is_no_ledger_is_one_sentence(bulkput, folder, verb, target):
    ended = bulkput("ledger", verb, target)
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("words", ["jobs", "abort", "gc", "ledger", "ledger show", "ledger verify"])
def test_help_of_these_verbs_imports_nothing_heavy(words):
    program = (
        "import sys\n"
        "from bulkput.cli.main import status_of\n"
        "assert status_of(sys.argv[1:]) == 0\n"
        "heavy = {'aiohttp', 'aiobotocore', 'numpy', 'pydantic', 'rich', 'ruamel.yaml', 'uvloop'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split(), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
