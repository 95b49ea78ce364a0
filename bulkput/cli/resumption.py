"""The command that goes on with an unfinished upload, for whoever reads why it ended."""

import os
import shlex
import sys

from bulkput.cli.streams import tell
from bulkput.model.exit_code import ExitCode
from bulkput.observe.plain import masked, plain

_RESUMABLE_VERBS = frozenset({"run", "upload", "download"})
_FIRST_SIGNAL_STATUS = 128


def tell_resumption(status: int) -> None:
    """Print the command to run again, if this one ended for a reason that passes."""
    verb = next((word for word in sys.argv[1:2] if word in _RESUMABLE_VERBS), None)
    if verb and (status == ExitCode.TEMPORARY or status > _FIRST_SIGNAL_STATUS):
        command = shlex.join(["bulkput", *sys.argv[1:]])
        tell(f"resume with: {plain(masked(command, os.environ))}")
