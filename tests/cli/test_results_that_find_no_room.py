"""A result that one place has no room for, and nobody reads at the other."""

import pytest

from bulkput.cli.outcomes import _write_to_all
from bulkput.cli.streams import ResultNotWrittenError


def fails(error):
    def write():
        raise error

    return write


def test_a_file_without_room_is_reported_where_nobody_reads_stdout():
    with pytest.raises(ResultNotWrittenError):
        _write_to_all(
            [
                fails(ResultNotWrittenError("result.json", OSError(28, "No space"))),
                fails(BrokenPipeError()),
            ],
            0,
        )
