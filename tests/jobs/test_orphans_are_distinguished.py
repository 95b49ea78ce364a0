"""Which pending snapshots count as orphans, and what the mark says."""

from pathlib import Path

import pytest

from bulkput.config.snapshot_section import SnapshotSettings
from bulkput.ebs.snapshot import FoundSnapshot, SnapshotState
from bulkput.jobs.gc import OrphanStatus, collect, find_orphans
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.jobs.state import snapshot_tag
from bulkput.jobs.state.snapshot_tag import (
    OWNER_TAG_KEY,
    folder_name,
    is_from,
    leased_tag,
    owner_tag,
    tags_with_owner,
)
from bulkput.jobs.state.uploads import Entry
from bulkput.machine.identity import machine_id

STATE_DIR = Path("/var/lib/bulkput")
NOW_UNIX_S = 10_000.0


def pending(snapshot_id, value, start_unix_s=1000.0):
    state = SnapshotState("pending", None, "0%", False, None, start_unix_s, 8)
    return FoundSnapshot(snapshot_id, state, {OWNER_TAG_KEY: value})


def findings(found, entries=(), *, elsewhere=False, before_unix_s=2000.0):
    orphans = find_orphans(
        found,
        entries,
        STATE_DIR,
        elsewhere=elsewhere,
        started_before_unix_s=before_unix_s,
        now_unix_s=NOW_UNIX_S,
    )
    return {orphan.snapshot_id: orphan.status for orphan in orphans}


def test_the_oldest_comes_first():
    found = [pending("snap-2", owner_tag(STATE_DIR / "b"), 9.0), pending("snap-1", "x", 8.0)]
    assert list(findings(found)) == ["snap-1", "snap-2"]


def test_a_mark_of_another_machine_or_folder_is_elsewhere(monkeypatch):
    here = owner_tag(STATE_DIR / "web-0123456789ab")
    other_folder = owner_tag(Path("/var/lib/bulkput/below/web-0123456789ab"))
    monkeypatch.setattr(snapshot_tag.socket, "gethostname", lambda: "other-machine")
    other_machine = owner_tag(STATE_DIR / "web-0123456789ab")
    monkeypatch.undo()
    found = [pending("snap-1", here), pending("snap-2", other_folder)]
    found += [pending("snap-3", other_machine), pending("snap-4", ""), pending("snap-5", "mine")]
    assert findings(found) == {
        "snap-1": OrphanStatus.ORPHAN,
        **dict.fromkeys(("snap-2", "snap-3", "snap-4", "snap-5"), OrphanStatus.ELSEWHERE),
    }
    assert set(findings(found, elsewhere=True).values()) == {OrphanStatus.ORPHAN}


def test_age_is_a_bound_for_all():
    found = [pending("snap-1", owner_tag(STATE_DIR / "a"), 10.0)]
    assert findings(found, before_unix_s=10.0) == {"snap-1": OrphanStatus.ORPHAN}
    assert findings(found, before_unix_s=9.9) == {"snap-1": OrphanStatus.YOUNG}


def test_a_lease_that_runs_protects_whatever_else_is_asked_for():
    folder = STATE_DIR / "a"
    found = [
        pending("snap-1", leased_tag(folder, NOW_UNIX_S - 3599.0)),
        pending("snap-2", leased_tag(folder, NOW_UNIX_S - 3600.0)),
        pending("snap-3", leased_tag(folder, NOW_UNIX_S + 500.0)),  # a clock that is ahead
        pending("snap-4", "elsewhere:/x/y alive=9999"),
    ]
    assert findings(found, elsewhere=True) == {
        **dict.fromkeys(("snap-1", "snap-3", "snap-4"), OrphanStatus.AT_WORK),
        "snap-2": OrphanStatus.ORPHAN,
    }


def test_another_instance_of_the_same_image_is_elsewhere(tmp_path, monkeypatch):
    here = owner_tag(STATE_DIR / "a")
    monkeypatch.setattr(snapshot_tag, "machine_id", lambda: "0123456789ab")
    assert findings([pending("snap-1", here)]) == {"snap-1": OrphanStatus.ELSEWHERE}
    ids = set()
    for instance in ("i-1", "i-2", "i-2"):
        asset = tmp_path / "sys/devices/virtual/dmi/id/board_asset_tag"
        asset.parent.mkdir(parents=True, exist_ok=True)
        asset.write_text(instance)
        ids.add(machine_id(root=tmp_path))
    assert len(ids) == 2


def test_a_ledger_without_a_snapshot_shields_what_its_folder_started_from_any_machine():
    entry = Entry(STATE_DIR / "web-0123456789ab", None, "damaged")
    found = [pending("snap-1", "other:/mnt/state/web-0123456789ab")]
    assert findings(found, [entry], elsewhere=True) == {}
    assert findings(found, elsewhere=True) == {"snap-1": OrphanStatus.ORPHAN}


@pytest.mark.parametrize("state_dir", ["/" + "x" * 250, "/a\nb", "/\udcff"])
def test_every_mark_fits_a_tag_and_says_where_it_is_from(state_dir, tmp_path):
    folder = Path(state_dir) / ("y" * 77)
    value = owner_tag(folder)
    assert len(value) <= 255
    assert value.isprintable()
    assert folder_name(value) == folder.name
    assert is_from(value, folder.parent)
    assert not is_from(value, tmp_path)
    leased = leased_tag(folder, 1_900_000_000.4)
    assert len(leased) <= 255
    assert folder_name(leased) == folder.name
    assert is_from(leased, folder.parent)


def test_the_same_folder_by_another_name_has_the_same_mark(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert owner_tag(tmp_path / "link" / "f") == owner_tag(tmp_path / "real" / "f")


def test_a_snapshot_with_fifty_tags_gets_no_other():
    full = SnapshotSettings(tags={str(number): "" for number in range(50)})
    assert tags_with_owner(full, STATE_DIR / "f") == full.tags
    roomy = SnapshotSettings(tags={str(number): "" for number in range(49)})
    assert len(tags_with_owner(roomy, STATE_DIR / "f")) == 50


def test_a_token_of_the_users_own_means_the_same_request_from_anywhere():
    assert tags_with_owner(SnapshotSettings(client_token="mine"), STATE_DIR / "f") == {}


class CallsWhile:
    """EC2 with one pending snapshot; when it is described, its upload goes on elsewhere."""

    def __init__(self, offset_s=0.0):
        self.found = pending("snap-1", owner_tag(STATE_DIR / "a"), 10.0)
        self.offset_s = offset_s
        self.deleted = []
        self.resumes = True

    def now_unix_s(self):
        return NOW_UNIX_S + self.offset_s

    async def list_pending_tagged(self):
        return [self.found]

    async def describe(self, snapshot_id):
        if self.resumes:
            self.found = pending(snapshot_id, leased_tag(STATE_DIR / "a", NOW_UNIX_S), 10.0)
        return self.found.state

    async def delete(self, snapshot_id):
        self.deleted.append(snapshot_id)


async def test_an_upload_that_goes_on_while_others_are_deleted_keeps_its_snapshot(tmp_path):
    calls = CallsWhile()
    (found,) = await collect(calls, STATE_DIR, elsewhere=False, older_than_s=0.0, delete=True)
    assert (found.status, calls.deleted) == (OrphanStatus.AT_WORK, [])
    calls = CallsWhile()
    calls.resumes = False
    (found,) = await collect(calls, STATE_DIR, elsewhere=False, older_than_s=0.0, delete=True)
    assert (found.status, calls.deleted) == (OrphanStatus.DELETED, ["snap-1"])


async def test_time_is_what_the_services_answers_have_shown_of_it():
    class Ahead:
        clock = type("Clock", (), {"unix_s": staticmethod(lambda: NOW_UNIX_S + 7200.0)})

    assert Snapshots(None, Ahead, print, lambda: -7200.0).now_unix_s() == NOW_UNIX_S
