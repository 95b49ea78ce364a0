"""Every way to a state file against every trap that somebody else can set on the way to it."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest
from support.ledgers import SNAPSHOT_ID
from support.other_user import as_user
from support.ways_to_state import PLACE, RECORD, REPLACES, WAYS, State, enter, write_manifest

from bulkput.jobs.copy.history import CopyRecords
from bulkput.ledger import state_file
from bulkput.ledger.folder import ensure_folder, ensure_state_dir
from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.partial_manifest import PartialManifest
from bulkput.ledger.series import Series
from bulkput.ledger.state_file import read_state_file, replace_file
from bulkput.model.errors import LedgerError

STRANGER, VICTIM = 65534, 65533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users")


def _reached(state, where, name):
    path = getattr(state, where)
    return path if name is None else path / name


@pytest.fixture
def top(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def precious(tmp_path):
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "file").write_bytes(b"precious")
    yield folder
    assert (folder / "file").read_bytes() == b"precious"
    assert [each.name for each in folder.iterdir()] == ["file"]


def test_nothing_is_refused_in_a_state_folder_of_ones_own(top):
    for way, (_, _, use) in (WAYS | REPLACES).items():
        use(State(top / way))


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_a_link_is_not_followed(way, top, precious):
    where, name, use = WAYS[way]
    state = State(top)
    path = _reached(state, where, name)
    path.unlink()
    path.symlink_to(precious / "file")
    with pytest.raises(LedgerError, match=f"{path}: is in the way: a symbolic link"):
        use(state)


@pytest.mark.parametrize("way", REPLACES)
def test_a_file_that_is_a_link_is_replaced_itself(way, top, precious):
    where, name, use = REPLACES[way]
    state = State(top)
    path = _reached(state, where, name)
    path.unlink(missing_ok=True)
    path.symlink_to(precious / "file")
    use(state)
    assert not path.is_symlink()


@needs_root
@pytest.mark.parametrize("way", WAYS)
def test_a_file_of_another_user_is_not_believed(way, top):
    where, name, use = WAYS[way]
    state = State(top)
    path = _reached(state, where, name)
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(LedgerError, match=f"{path}: belongs to user id {STRANGER}"):
        use(state)


def _levels(state, where, name):
    """Return the folders on the way from the state folder to a file, the state folder first."""
    path = _reached(state, where, name).parent
    return [path, path.parent] if path.parent != state.top else [path]


@pytest.mark.parametrize("way", WAYS | REPLACES)
def test_a_folder_that_is_a_link_is_not_followed_at_any_level(way, top, tmp_path):
    where, name, use = (WAYS | REPLACES)[way]
    state = State(top)
    moved = tmp_path / "moved"
    for folder in (*_levels(state, where, name), top):
        folder.rename(moved)
        folder.symlink_to(moved)
        with pytest.raises(LedgerError, match=f"{folder}: is a symbolic link"):
            use(state)
        folder.unlink()
        moved.rename(folder)


@needs_root
@pytest.mark.parametrize("way", WAYS | REPLACES)
def test_a_folder_of_another_user_is_not_believed_at_any_level(way, top):
    where, name, use = (WAYS | REPLACES)[way]
    state = State(top)
    for folder in (*_levels(state, where, name), top):
        os.chown(folder, STRANGER, STRANGER)
        with pytest.raises(LedgerError, match=f"belongs to user id {STRANGER}"):
            use(state)
        os.chown(folder, 0, 0)


@pytest.mark.parametrize("way", WAYS | REPLACES)
def test_a_folder_in_which_everybody_replaces_files_is_refused_at_any_level(way, top):
    where, name, use = (WAYS | REPLACES)[way]
    state = State(top)
    for folder in _levels(state, where, name):
        mode = stat.S_IMODE(folder.stat().st_mode)
        folder.chmod(0o777)
        with pytest.raises(LedgerError, match=f"{folder}: .*every user can replace"):
            use(state)
        folder.chmod(mode)


@needs_root
def test_a_partial_manifest_of_another_user_is_read_again(top):
    path = manifest_path(top, SNAPSHOT_ID)
    indexes, digests = np.arange(3), np.ones((3, 32), dtype=np.uint8)
    begun = PartialManifest(path, ("key",))
    begun.take(indexes)
    begun.add(indexes, digests)
    begun.close()
    for owner, known in ((0, 3), (STRANGER, 0)):
        os.chown(path.with_name(f"{path.name}.part"), owner, owner)
        again = PartialManifest(path, ("key",))
        assert len(again.take(indexes)) == known
        again.close()


def test_a_state_folder_in_which_everybody_replaces_files_is_refused(top):
    top.chmod(0o777)
    with pytest.raises(LedgerError, match=r"every user can replace what lies there.*chmod o-w"):
        ensure_state_dir(top)
    with pytest.raises(LedgerError, match="every user can replace"):
        ensure_folder(top / "disk-0123456789ab")
    top.chmod(0o1777)
    ensure_state_dir(top)


@pytest.mark.parametrize("moment", ["open", "fsync", "rename"])
def test_a_folder_that_is_swapped_meanwhile_leads_nowhere_else(moment, top, precious, monkeypatch):
    folder = top / "disk-0123456789ab"
    ensure_folder(folder)
    replace_file(folder / "file", b"first")
    real, swapped = getattr(os, moment), []

    def swap_first(*arguments, **options):
        is_inside = moment != "open" or arguments[0] == "file.new"
        if is_inside and not swapped:
            swapped.append(True)
            folder.rename(top / "moved")
            folder.symlink_to(precious)
        return real(*arguments, **options)

    monkeypatch.setattr(state_file.os, moment, swap_first)
    replace_file(folder / "file", b"second")
    monkeypatch.undo()
    assert folder.is_symlink()
    assert read_state_file(top / "moved" / "file", 100) == b"second"


@pytest.fixture
def world():
    """A folder as /tmp is, which other users reach too; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


@needs_root
@pytest.mark.parametrize("trap", ["link", "folder"])
@pytest.mark.parametrize("name", ["disk-0123456789ab", "series", "manifests", "copies"])
def test_what_another_user_has_prepared_is_not_used(name, trap, world):
    victims = world / "victims"
    victims.mkdir()
    os.chown(victims, VICTIM, VICTIM)

    def prepare():
        path = world / name
        if trap == "link":
            path.symlink_to(victims)
        else:
            path.mkdir(0o777)

    def work():
        refused = []
        for what, use in {
            "disk-0123456789ab": lambda: ensure_folder(world / "disk-0123456789ab"),
            "series": lambda: enter(Series(world, "nightly", **PLACE)),
            "manifests": lambda: write_manifest(manifest_path(world, SNAPSHOT_ID)),
            "copies": lambda: CopyRecords(world).keep(RECORD),
        }.items():
            try:
                use()
            except LedgerError as error:
                refused.append((what, str(error)))
        return refused

    as_user(STRANGER, prepare)
    ((what, why),) = as_user(VICTIM, work)
    assert what == name
    assert ("is a symbolic link" if trap == "link" else f"belongs to user id {STRANGER}") in why
    assert list(victims.iterdir()) == []


@needs_root
def test_another_user_can_neither_read_nor_replace_what_is_kept_in_such_a_folder(world):
    def work():
        replace_file(_made(world / "disk-0123456789ab") / "file", b"kept")
        enter(Series(world, "nightly", **PLACE))

    def attack():
        got = []
        for act in (
            (world / "disk-0123456789ab" / "file").read_bytes,
            lambda: list((world / "disk-0123456789ab").iterdir()),
            lambda: (world / "disk-0123456789ab").rename(world / "mine"),
            lambda: (world / "series").rename(world / "mine"),
            lambda: os.link(world / "disk-0123456789ab" / "file", world / "mine"),
        ):
            try:
                act()
            except OSError:
                continue
            got.append(act)
        return len(got)

    as_user(VICTIM, work)
    assert as_user(STRANGER, attack) == 0
    found = as_user(VICTIM, lambda: read_state_file(world / "disk-0123456789ab" / "file", 100))
    assert found == b"kept"


def _made(folder):
    ensure_folder(folder)
    return folder
