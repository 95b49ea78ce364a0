from pathlib import Path

import pytest
from support.ledgers import SNAPSHOT_ID, bind, crash, digest_of, make_header, start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "disk-0123456789ab"


@pytest.fixture
def tools():
    """The functions above, for tests that no package holds together."""

    class Tools:
        snapshot_id = SNAPSHOT_ID

    for function in (make_header, start, bind, crash, digest_of):
        setattr(Tools, function.__name__, staticmethod(function))
    return Tools
