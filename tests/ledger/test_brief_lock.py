"""A lock that others wait for, but not for ever."""

import pytest

from bulkput.ledger.brief_lock import WAIT_MAX_S, brief_lock
from bulkput.model.errors import LedgerError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


class Patience:
    """A clock that goes only while somebody waits."""

    def __init__(self, meanwhile=lambda: None):
        self.now_s = 0.0
        self.meanwhile = meanwhile

    def monotonic_s(self):
        return self.now_s

    def sleep(self, duration_s):
        self.now_s += duration_s
        self.meanwhile()


def test_a_second_one_waits_until_the_first_has_ended(path):
    first = brief_lock(path)
    first.__enter__()
    ended = []

    def end():
        if not ended:
            ended.append(first.__exit__(None, None, None))

    clock = Patience(end)
    with brief_lock(path, monotonic_s=clock.monotonic_s, sleep=clock.sleep):
        assert ended
    assert clock.now_s > 0


def test_a_lock_that_is_never_free_is_an_error(path):
    clock = Patience()
    with brief_lock(path):
        second = brief_lock(path, monotonic_s=clock.monotonic_s, sleep=clock.sleep)
        with pytest.raises(LedgerError, match="another process has held this lock for 60 s"):
            second.__enter__()
    assert clock.now_s > WAIT_MAX_S
