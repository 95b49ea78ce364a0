"""``manifest show`` and ``manifest verify``: what they say of sound and damaged manifests."""

import json

import numpy as np
import pytest

from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter

SNAPSHOT = "snap-0123456789abcdef0"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Return the manifest of a snapshot of six blocks, in the state folder."""
    monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / "state"))
    path = manifest_path(tmp_path / "state", SNAPSHOT)
    header = ManifestHeader(
        snapshot_id=SNAPSHOT,
        parent_snapshot_id="snap-0a",
        volume_size_gib=2,
        block_count=4096,
        source_path="/disks/\x1b[31mweb.img",
        source_size_bytes=3 << 20,
        encrypted=True,
        region="eu-central-1",
        endpoint_url=None,
        created_unix_s=1.0,
        program_version="0.1.0",
    )
    with ManifestWriter(path, header) as writer:
        writer.add(np.array([0, 1, 2, 3, 9, 4095]), np.ones((6, 32), dtype=np.uint8))
        writer.finish()
    return path


@pytest.mark.parametrize("by", ["file", "snapshot"])
def test_show_reports_whose_it_is_and_what_it_holds(bulkput, kept, by):
    ended = bulkput("manifest", "show", kept if by == "file" else SNAPSHOT)
    assert (ended.status, ended.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    assert lines["snapshot"] == SNAPSHOT
    assert lines["parent"] == "snap-0a"
    assert lines["blocks"] == "6 of 4,096"
    assert lines["present"] == "0-3, 9, 4095"
    assert lines["volume"] == "2 GiB, encrypted"
    assert "\x1b" not in ended.out


def test_show_as_json_has_all_facts(bulkput, kept):
    found = bulkput("manifest", "show", SNAPSHOT, "--ranges", 2, "--output", "json").object
    assert found["manifest"] == str(kept)
    assert found["present_count"] == 6
    assert found["present"] == {"extents": [[0, 4], [9, 10]], "more": True}
    assert found["encrypted"] is True


def test_verify_reports_ok(bulkput, kept):
    ended = bulkput("manifest", "verify", SNAPSHOT)
    assert (ended.status, ended.out) == (0, f"ok: 6 blocks of {SNAPSHOT}\n")
    assert bulkput("manifest", "verify", kept, "--output", "json").object["sound"] is True


def test_a_flipped_byte_is_code_7_and_a_missing_file_code_3(bulkput, kept):
    content = bytearray(kept.read_bytes())
    content[300] ^= 1
    kept.write_bytes(content)
    ended = bulkput("manifest", "verify", SNAPSHOT, "--output", "json")
    assert ended.status == 7
    assert f"{kept}: its SHA-256 does not match" in json.loads(ended.out)["error"]
    kept.unlink()
    ended = bulkput("manifest", "show", SNAPSHOT)
    assert (ended.status, ended.out) == (3, "")
    assert f"{kept}: there is no manifest here" in ended.err
