"""A failure that can be mended says of the snapshot what is true of it by then."""

import sys

import pytest

REFUSED = "When the cause is mended,"


@pytest.fixture
def fail(bulkput, service, image, monkeypatch):
    """Upload while ``operation`` is refused; returns the snapshot and what was written."""

    def upload(operation, *flags, nth=1):
        service.fail(operation, nth=nth)
        words = ["upload", str(image()), *flags]
        monkeypatch.setattr(sys, "argv", ["bulkput", *words])
        ended = bulkput(*words)
        assert ended.status == 4, ended.err
        (snapshot_id,) = service.states()
        assert f"{REFUSED}\nresume with: bulkput upload" in ended.err.replace(
            f" {REFUSED}", REFUSED
        )
        return snapshot_id, ended.err

    return upload


def test_a_put_is_refused(fail):
    snapshot_id, err = fail("PutSnapshotBlock", nth=2)
    assert f"{snapshot_id} stays pending and keeps what was put. {REFUSED}" in err


@pytest.mark.parametrize(("operation", "nth"), [("CompleteSnapshot", 1), ("DescribeSnapshots", 2)])
def test_the_seal_or_the_look_at_it_is_refused(fail, operation, nth):
    snapshot_id, err = fail(operation, nth=nth)
    assert f"{snapshot_id} is uploaded, and sealed or about to be. {REFUSED}" in err


def test_the_reading_back_is_refused(fail):
    snapshot_id, err = fail("GetSnapshotBlock", "--verify")
    assert f"{snapshot_id} is completed. {REFUSED}" in err


def test_it_was_deleted_as_wanted(fail):
    snapshot_id, err = fail("PutSnapshotBlock", "--on-failure", "delete", nth=2)
    assert f"{snapshot_id} was deleted" in err
    assert "stays pending" not in err
