"""What is known of jobs and uploads: in the state folder, and of all hosts if there is a store."""

from pathlib import Path
from typing import TYPE_CHECKING

from bulkput.cli.options import Invocation
from bulkput.cli.service import call_out
from bulkput.cli.text import write_message_line

if TYPE_CHECKING:
    from bulkput.api.status import KnownJobs
    from bulkput.config.service import ServiceSettings


def known_jobs(settings: "ServiceSettings", folder: Path, invocation: Invocation) -> "KnownJobs":
    """Return it.

    Raises:
        BulkputError: the state folder or the store cannot be read.
    """
    from bulkput.api.status import KnownJobs, read_records  # noqa: PLC0415 - not for --help

    if settings.state_store is None:
        return KnownJobs(read_records(folder))
    from bulkput.api.store import known_in_store  # noqa: PLC0415 - only who has a store pays

    return call_out(lambda: known_in_store(settings, folder, write_message_line), invocation)
