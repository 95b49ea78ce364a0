"""``bulkput`` and ``python -m bulkput``: the program, from its first import to its end."""

from signal import SIG_DFL, SIGINT, getsignal, signal


def main() -> None:
    """Import the command line, run it, and leave the process with its exit code.

    Ctrl-C ends the process at once before there is anybody who could explain it, and when all is
    said: Python would show a traceback.
    """
    _leave_at_interrupt()
    from bulkput.cli.main import main as run  # noqa: PLC0415 - takes 50 ms or more

    try:
        run()
    finally:
        _leave_at_interrupt()


def _leave_at_interrupt() -> None:
    if callable(getsignal(SIGINT)):  # not if it is ignored, as in the background
        signal(SIGINT, SIG_DFL)


if __name__ == "__main__":
    main()
