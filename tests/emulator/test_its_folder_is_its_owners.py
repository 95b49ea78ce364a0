"""The emulator keeps disks where nobody else can put files, or links that lead elsewhere."""

import os

import pytest

from bulkput.emulator.store import Store, StoreError

NOBODY = 65534


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir(mode=0o700)
    return folder


def test_a_folder_of_its_own_does_and_one_by_a_link_of_its_own(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    Store(tmp_path / "link").close()
    Store(root).close()


@pytest.mark.parametrize("name", ["", "records", "layers"])
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_folder_that_all_can_write_to_does_not(root, name, mode):
    folder = root / name
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)
    with pytest.raises(StoreError, match="open to all users"):
        Store(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "records", "link", "link of its own"])
def test_nor_does_what_another_user_has_made(root, name):
    other = root / name
    if name.startswith("link"):
        elsewhere = root.with_name("elsewhere")
        elsewhere.mkdir()
        other.symlink_to(elsewhere)
    else:
        other.mkdir(exist_ok=True)
    os.chown(other, NOBODY, NOBODY, follow_symlinks=name != "link" and other.is_symlink())
    with pytest.raises(StoreError, match="belongs to user id 65534"):
        Store(other if other.is_symlink() else root)


def test_its_lock_is_no_link(root, tmp_path):
    (root / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        Store(root)
    assert not (tmp_path / "victim").exists()
