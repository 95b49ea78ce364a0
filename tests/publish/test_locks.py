"""Which lock is set: a table of what is there and what is wanted."""

from datetime import UTC, datetime

import pytest

from bulkput.config.publishing import LockSettings
from bulkput.model.errors import ConfigError
from bulkput.publish.lock import lock_to_set

SNAPSHOT = "snap-0123456789abcdef0"
DAY = datetime(2031, 12, 31, tzinfo=UTC)
DAYS = {"mode": "governance", "duration_days": 30}
UNTIL = {"mode": "governance", "until": "2031-12-31"}
SET, LEFT, REFUSED = "set", "left", "refused"


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (DAYS, None, SET),
        (DAYS, {"LockState": "expired", "LockDuration": 90}, SET),
        (DAYS, {"LockState": "governance", "LockDuration": 29}, SET),
        (DAYS, {"LockState": "governance", "LockDuration": 30}, LEFT),
        (DAYS, {"LockState": "governance", "LockDuration": 31}, LEFT),
        (DAYS, {"LockState": "compliance", "LockDuration": 31}, REFUSED),
        (DAYS, {"LockState": "compliance-cooloff", "LockDuration": 31}, REFUSED),
        (DAYS | {"mode": "compliance"}, {"LockState": "governance", "LockDuration": 90}, SET),
        (DAYS | {"mode": "compliance"}, {"LockState": "compliance", "LockDuration": 90}, LEFT),
        (DAYS | {"mode": "compliance"}, {"LockState": "compliance", "LockDuration": 3}, SET),
        (UNTIL, None, SET),
        (UNTIL, {"LockState": "governance", "LockExpiresOn": DAY}, LEFT),
        (UNTIL, {"LockState": "governance", "LockExpiresOn": DAY.replace(day=30)}, SET),
        (UNTIL, {"LockState": "governance"}, SET),
    ],
)
def test_a_lock_is_set_made_longer_or_left(wanted, found, expected):
    settings = LockSettings.model_validate(wanted)
    if expected is REFUSED:
        with pytest.raises(ConfigError, match="cannot become a weaker one"):
            lock_to_set(settings, SNAPSHOT, found)
        return
    parameters = lock_to_set(settings, SNAPSHOT, found)
    assert (parameters is None) is (expected is LEFT)
    if parameters is not None:
        assert parameters["LockMode"] == settings.mode
        assert ("ExpirationDate" in parameters) is (settings.until is not None)
        assert parameters.get("ExpirationDate", DAY) == DAY
