"""The command that goes on with an unfinished upload, for whoever reads why it ended."""

import os
import shlex
import sys

from bulkput.cli.streams import write_message
from bulkput.model.exit_code import ExitCode
from bulkput.observe.plain import masked, plain

_RESUMABLE_VERBS = (["run"], ["upload"], ["download"], ["copy"], ["fleet", "run"])
_MENDABLE = frozenset(
    {
        ExitCode.CONFIGURATION,
        ExitCode.CREDENTIALS,
        ExitCode.SOURCE,
        ExitCode.QUOTA,
        ExitCode.MACHINE,
    }
)
"""What somebody has to mend first; a snapshot that was begun waits meanwhile."""
_FIRST_SIGNAL_STATUS = 128


_KEPT = {
    "uploading": "stays pending and keeps what was put",
    "sealing": "is uploaded, and sealed or about to be",
    "completed": "is completed",
}
"""What is to be said of a snapshot by its phase; nothing of one that failed or was deleted."""


def report_resumption(
    status: int,
    snapshot_id: str | None = None,
    *,
    phase: str = "uploading",
    is_mendable: bool = False,
) -> bool:
    """Print the command to run again, if this one ended for a reason that passes or can be mended.

    Args:
        status: The exit code.
        snapshot_id: The snapshot that was begun, where there is one.
        phase: How far it had come, as its ledger has it.
        is_mendable: Running the verb again is of use although it began no snapshot.

    Returns:
        Whether there was something to print.
    """
    words = sys.argv[1:]
    is_resumable = any(words[: len(verb)] == verb for verb in _RESUMABLE_VERBS)
    passes = status == ExitCode.TEMPORARY or status > _FIRST_SIGNAL_STATUS
    waits = (snapshot_id is not None or is_mendable) and status in _MENDABLE
    if is_resumable and (passes or waits):
        command = plain(masked(shlex.join(["bulkput", *words]), os.environ))
        if not passes:
            kept = f"{snapshot_id} {_KEPT[phase]}. " if snapshot_id and phase in _KEPT else ""
            write_message(f"{kept}When the cause is mended,")
        write_message(f"resume with: {command}")
        return True
    return False
