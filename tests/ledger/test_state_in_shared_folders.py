"""A state directory that others write to, as /tmp is: what they put there is never used."""

import os
import stat

import pytest

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header_file import read_header
from bulkput.ledger.series import Series
from bulkput.ledger.state_file import is_own_file, read_state_file
from bulkput.model.errors import LedgerError
from bulkput.source.sample import make_sample

SIZE_BYTES = 8 << 20
STRANGER = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's files")


@pytest.fixture
def shared(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.mark.parametrize("name", ["sample.img", ".sample.img.partial"])
def test_a_sample_is_not_written_through_a_link(shared, tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (shared / name).symlink_to(victim)
    made = make_sample(shared / "sample.img", SIZE_BYTES)
    assert victim.read_bytes() == b"precious"
    assert stat.S_ISREG(made.path.lstat().st_mode)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_in_the_place_of_one_is_refused(shared, tmp_path, kind):
    path = shared / "sample.img"
    {
        "link": lambda: path.symlink_to(tmp_path / "elsewhere"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }[kind]()
    with pytest.raises(LedgerError, match="is in the way"):
        is_own_file(path)
    with pytest.raises(LedgerError, match="is in the way"):
        read_state_file(path, 100)


@needs_root
def test_another_users_file_is_not_taken_for_ones_own(shared):
    path = shared / "sample.img"
    assert not is_own_file(path)
    path.touch()
    assert is_own_file(path)
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(LedgerError, match=f"belongs to user id {STRANGER}"):
        is_own_file(path)


@needs_root
@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest.mark.parametrize("name", ["series", "downloads", "running"])
def test_a_folder_in_another_users_folder_is_refused(shared, tmp_path, name, kind):
    theirs = shared / name
    if kind == "folder":
        theirs.mkdir()
    else:
        (tmp_path / "own").mkdir()
        theirs.symlink_to(tmp_path / "own")
    os.chown(theirs, STRANGER, STRANGER, follow_symlinks=False)
    why = f"belongs to user id {STRANGER}" if kind == "folder" else "is a symbolic link"
    with pytest.raises(LedgerError, match=f"{theirs}: {why}"):
        ensure_folder(theirs / "nightly")


@needs_root
def test_nor_is_a_series_kept_there(shared):
    (shared / "series").mkdir()
    os.chown(shared / "series", STRANGER, STRANGER)
    with pytest.raises(LedgerError, match="belongs to user id"):
        Series(shared, "nightly", endpoint_url=None, region="us-east-1").__enter__()


def test_a_header_is_not_read_through_a_link_nor_from_a_pipe(tmp_path):
    (tmp_path / "ledger.json").symlink_to(tmp_path / "other")
    (tmp_path / "other").write_text("{}")
    with pytest.raises(LedgerError, match="a symbolic link"):
        read_header(tmp_path)
    (tmp_path / "ledger.json").unlink()
    os.mkfifo(tmp_path / "ledger.json")
    with pytest.raises(LedgerError, match="no regular file"):
        read_header(tmp_path)
