"""The entry of a lane: ``python -m bulkput.jobs.lanes MESSAGES DESCRIPTORS``, two sockets."""

import gc
import sys


def main() -> None:
    """Switch the collector off while the rest is imported, as the command line does, and work."""
    gc.disable()
    from bulkput.jobs.lanes.lane import work_for  # noqa: PLC0415 - see above

    work_for(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
