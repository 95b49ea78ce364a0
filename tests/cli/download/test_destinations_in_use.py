"""A file or device that somebody uses is left alone, and who it is is named."""

import os

import pytest
from support.downloads import GIB
from support.holding import FLOCKS, held
from support.served import BLOCK


@pytest.fixture
def change(bulkput, service, older_file):
    """Download the changes since the older snapshot into the file that holds it."""
    return lambda: bulkput("download", service.newer, older_file, "--changed-since", service.older)


def assert_left_alone(ended, path, message):
    assert ended.status == 3
    assert f"{path}: is in use: " in ended.err
    assert message in ended.err
    assert "Stop or unmount it first" in ended.err


def written(path):
    """Return what a file holds, as offsets and bytes; its holes have neither."""
    found, end = [], 0
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:  # a hole up to the end
                break
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found.append((start, os.pread(file.fileno(), end - start, start)))
    return size, found


@pytest.mark.parametrize("options", [(), ("--read-only",)])
def test_changes_do_not_go_into_a_file_that_a_loop_device_shows(
    change, older_file, attach_loop, options
):
    before = written(older_file)
    loop = attach_loop(older_file, *options)
    assert_left_alone(change(), older_file, f"{loop} is attached to it")
    assert written(older_file) == before


@pytest.mark.parametrize(
    ("flags", "then"), [("O_RDWR", ""), ("O_RDONLY", ""), ("O_RDONLY", FLOCKS)]
)
def test_nor_into_one_that_another_process_has_open(change, older_file, flags, then):
    with held(older_file, flags, then) as process_id:
        assert_left_alone(change(), older_file, f"process {process_id} (python")
    assert change().status == 0


def test_a_file_that_is_written_is_not_replaced(bulkput, service, older_file):
    with held(older_file) as process_id:
        ended = bulkput("download", service.newer, older_file, "--force")
        assert_left_alone(ended, older_file, f"process {process_id} (python")
    with held(older_file, "O_RDONLY"):  # it keeps what it reads
        assert bulkput("download", service.newer, older_file, "--force").status == 0


def test_a_device_that_is_written_without_a_claim_is_left_alone(
    bulkput, service, tmp_path, attach_loop
):
    image = tmp_path / "backing"
    with image.open("wb") as file:
        file.write(b"x" * BLOCK)
        file.truncate(GIB)
    device = attach_loop(image)
    with held(device) as process_id:
        ended = bulkput("download", service.older, device)
        assert_left_alone(ended, device, f"process {process_id} (python")
    other = attach_loop(image)
    assert_left_alone(
        bulkput("download", service.older, device), device, f"{other} is attached to it"
    )
    with image.open("rb") as file:
        assert os.pread(file.fileno(), BLOCK, 0) == b"x" * BLOCK
