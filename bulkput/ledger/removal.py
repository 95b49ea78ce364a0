"""The end of a ledger: its files are removed, and nothing else that may lie beside them."""

from pathlib import Path

from bulkput.ledger.header_file import HEADER_NAME
from bulkput.ledger.ledger import TABLE_NAME
from bulkput.ledger.lock import LOCK_NAME
from bulkput.ledger.mirror_record import MIRROR_NAME
from bulkput.ledger.state_file import remove_file
from bulkput.ledger.storage import storage_error

_NAMES = (
    *(HEADER_NAME, f"{HEADER_NAME}.new", TABLE_NAME, f"{TABLE_NAME}.new"),
    *(MIRROR_NAME, f"{MIRROR_NAME}.new", LOCK_NAME),
)
"""The header first: without it there is no ledger, whatever a crash leaves of the rest. The lock
last: until then nobody else begins here."""


def remove_ledger(folder: Path) -> bool:
    """Remove the ledger in ``folder``, whose lock the caller holds; return if the folder is gone.

    Raises:
        LedgerError: something cannot be removed.
    """
    for name in _NAMES:
        path = folder / name
        try:
            remove_file(path)
        except OSError as error:
            raise storage_error(path, "remove the file", error) from error
    if any(folder.iterdir()):
        return False
    try:
        folder.rmdir()
    except OSError as error:
        raise storage_error(folder, "remove the folder", error) from error
    return True
