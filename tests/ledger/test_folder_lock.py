"""One works in a folder at a time, and who only looks is in nobody's way."""

import fcntl

import pytest

from bulkput.ledger import lock
from bulkput.ledger.lock import FolderLock
from bulkput.model.errors import InUseError, LedgerError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "upload"


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_no_lock(folder, monkeypatch):
    folder.mkdir(parents=True, exist_ok=True)
    flock = fcntl.flock

    def remove_first(descriptor, operation):
        (folder / "lock").unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with pytest.raises(LedgerError, match="removed just now"):
        FolderLock(folder)


def test_who_only_looks_at_a_lock_refuses_it_to_nobody(folder, monkeypatch):
    """As a look at the holder, or a child until it has begun its program, holds it for a moment."""
    folder.mkdir(parents=True)
    FolderLock(folder).close()
    with (folder / "lock").open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        monkeypatch.setattr(lock, "pause_thread", lambda _s: fcntl.flock(look, fcntl.LOCK_UN))
        FolderLock(folder).close()


def test_who_works_in_a_folder_is_not_waited_for(folder, monkeypatch):
    slept = []
    monkeypatch.setattr(lock, "pause_thread", slept.append)
    folder.mkdir(parents=True)
    with FolderLock(folder), pytest.raises(InUseError, match="already running"):
        FolderLock(folder)
    assert 0 < sum(slept) <= 0.1
