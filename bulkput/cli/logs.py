"""Where log records go: to the display, which alone writes to stderr while a job runs.

Libraries that log secrets are held at WARNING, whatever the verbosity.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bulkput.ebs.loggers import quiet_secretive_loggers
from bulkput.observe.plain import masked, one_line
from bulkput.observe.run_events import Logged
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import LOG_LEVELS


class LineHandler(logging.Handler):
    """Hands each record to ``hear`` as one line with secrets masked."""

    def __init__(self, hear: Callable[[Logged], None], environment: Mapping[str, str]) -> None:
        super().__init__()
        self._hear = hear
        self._environment = environment

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = f"{record.name}: {record.levelname.lower()}: {record.getMessage()}"
            self._hear(Logged(one_line(masked(text, self._environment)), record.levelno))
        except Exception:  # noqa: BLE001 - logging's own rule: a record that cannot be formatted is dropped
            self.handleError(record)


@contextmanager
def logging_to(
    hear: Callable[[Logged], None], verbosity: Verbosity, environment: Mapping[str, str]
) -> Iterator[None]:
    """Send warnings of everybody, and with ``VERBOSE`` what bulkput itself logs, to ``hear``.

    At the end as much is logged as before: the program may have been called in another's process.
    """
    handler = LineHandler(hear, environment)
    root, own = logging.getLogger(), logging.getLogger("bulkput")
    before = root.level, own.level, logging.raiseExceptions
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, LOG_LEVELS[verbosity]))
    own.setLevel(LOG_LEVELS[verbosity])
    quiet_secretive_loggers()
    logging.raiseExceptions = False
    try:
        yield
    finally:
        root.removeHandler(handler)
        root_level, own_level, logging.raiseExceptions = before
        root.setLevel(root_level)
        own.setLevel(own_level)
