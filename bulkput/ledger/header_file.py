"""``ledger.json``: where a ledger's header lies, and reading and replacing it.

Knows nothing of the table beside it.
"""

from pathlib import Path

from bulkput.ledger.header import LedgerHeader, decode_header, encode_header
from bulkput.ledger.state_file import read_state_file, replace_file
from bulkput.ledger.storage import storage_error
from bulkput.model.errors import LedgerError

HEADER_NAME = "ledger.json"
_HEADER_MAX_BYTES = 1 << 20
"""Some hundred times the largest header written."""


def has_ledger(folder: Path) -> bool:
    """Return whether an upload has left its ledger in ``folder``, readable or not."""
    return (folder / HEADER_NAME).exists()


def read_header(folder: Path) -> LedgerHeader:
    """Return the facts of the ledger in ``folder``; takes no lock.

    Raises:
        LedgerError: there is none, or it is torn, damaged or of another version.
    """
    path = folder / HEADER_NAME
    try:
        content = read_state_file(path, _HEADER_MAX_BYTES)
    except FileNotFoundError:
        raise LedgerError(path, "there is no ledger here") from None
    except OSError as error:
        raise storage_error(path, "read the ledger", error) from error
    try:
        return decode_header(content)
    except ValueError as error:
        raise LedgerError(
            path,
            f"{error}. To start a new snapshot, remove the folder {folder}; the earlier one"
            " stays pending until it times out or is deleted",
        ) from None


def write_header(folder: Path, header: LedgerHeader) -> None:
    """Make ``header`` that of ``folder``, durably; a crash leaves the old one or the new one.

    Raises:
        LedgerError: the file cannot be written.
        TemporaryError: the disk is full.
    """
    replace_file(folder / HEADER_NAME, encode_header(header))
