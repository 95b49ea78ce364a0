"""``python -m bulkput``: the same program as the ``bulkput`` command."""

from bulkput.cli.main import main

if __name__ == "__main__":
    main()
