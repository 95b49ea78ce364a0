"""The exit codes, in one table: what a script may rely on."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; 128 + N stands for signal N."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIGURATION = 3
    CREDENTIALS = 4
    TEMPORARY = 5
    SOURCE = 6
    INTEGRITY = 7
    SOME_VOLUMES_FAILED = 8
    QUOTA = 9
    MACHINE = 10


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.UNEXPECTED: "unexpected error: a bug in bulkput",
    ExitCode.USAGE: "usage: the command line is wrong",
    ExitCode.CONFIGURATION: "configuration: a file or value is wrong",
    ExitCode.CREDENTIALS: "credentials or permission",
    ExitCode.TEMPORARY: "temporary: running the same command again resumes",
    ExitCode.SOURCE: "source unreadable or changed",
    ExitCode.INTEGRITY: "integrity or snapshot error",
    ExitCode.SOME_VOLUMES_FAILED: "some volumes of a job failed",
    ExitCode.QUOTA: "quota exhausted",
    ExitCode.MACHINE: (
        "this machine is out of open files, threads or memory, or refuses a call: running again "
        "resumes"
    ),
}
"""One sentence for each code; the manual's table is checked against it."""
