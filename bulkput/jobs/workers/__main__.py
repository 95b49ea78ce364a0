"""The entry of a worker process: ``python -m bulkput.jobs.workers DESCRIPTOR``."""

import gc
import sys


def main() -> None:
    """Switch the collector off while the rest is imported, as the command line does, and work."""
    gc.disable()
    from bulkput.jobs.workers.worker import work_for  # noqa: PLC0415 - see above

    work_for(int(sys.argv[1]))


if __name__ == "__main__":
    main()
