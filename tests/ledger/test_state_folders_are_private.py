"""Where state lies, and that nobody else's folder is used."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bulkput.ledger.folder import (
    default_state_dir,
    ensure_folder,
    ensure_state_dir,
    volume_folder,
)
from bulkput.model.errors import LedgerError


def test_the_default_follows_xdg_and_ignores_relative_values():
    assert default_state_dir({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/bulkput")
    for odd in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert default_state_dir({"HOME": "/h"} | odd) == Path("/h/.local/state/bulkput")


def test_a_folder_is_named_by_its_volume_and_its_key_alone():
    one = volume_folder(Path("/s"), "disk image.raw", ("eu-west-1", "/a"))
    assert one == volume_folder(Path("/s"), "disk image.raw", ("eu-west-1", "/a"))
    assert one.parent == Path("/s")
    assert one.name.startswith("disk-image.raw-")
    assert len(one.name) == len("disk-image.raw-") + 12
    assert one != volume_folder(Path("/s"), "disk image.raw", ("eu-west-1/a",))
    assert one != volume_folder(Path("/s"), "disk image.raw", ("eu-west-", "1/a"))


@pytest.mark.parametrize("name", ["..", "../../etc", "", "/", "\u20ac", "\udcff", "x" * 5000])
def test_no_name_leads_out_of_the_state_directory(name):
    folder = volume_folder(Path("/s"), name, (name,))
    assert folder.parent == Path("/s")
    assert len(folder.name) <= 80
    assert not folder.name.startswith((".", "-"))


def test_a_folder_is_made_private_and_made_so_again(tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    ensure_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    ensure_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_state_directory_that_others_use_keeps_its_permissions(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    ensure_state_dir(shared)
    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_a_state_directory_that_is_missing_is_made_private(tmp_path):
    ensure_state_dir(tmp_path / "a" / "state")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700


def test_files_and_links_in_the_way_are_named(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    for path in ("file", "file/below", "link", "dangling"):
        with pytest.raises(LedgerError, match=f"{tmp_path / path}: .*state_dir"):
            ensure_folder(tmp_path / path)


def test_another_users_folder_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "theirs"
    folder.mkdir()
    user_id = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user_id + 1)
    with pytest.raises(LedgerError, match=f"belongs to user id {user_id}"):
        ensure_folder(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_directory_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(LedgerError, match="cannot create the folder: Permission denied"):
            ensure_folder(tmp_path / "state" / "disk")
    finally:
        tmp_path.chmod(0o700)


def test_a_read_only_file_system_is_named_and_no_folder_in_it_suggested(tmp_path, monkeypatch):
    flags = SimpleNamespace(f_flag=os.ST_RDONLY)
    monkeypatch.setattr("bulkput.ledger.folder.os.access", lambda *_, **__: False)
    monkeypatch.setattr("bulkput.ledger.folder.os.fstatvfs", lambda _: flags)
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    with pytest.raises(LedgerError, match=r"is read-only\. Name another state_dir$"):
        ensure_state_dir(tmp_path)
    flags.f_flag = 0
    with pytest.raises(LedgerError, match=r"cannot be written to.*is a mount point"):
        ensure_state_dir(tmp_path)
