"""Where log records go: to the display, which alone writes to stderr while a job runs.

Libraries that log secrets are held at WARNING, whatever the verbosity.
"""

import logging
from collections.abc import Callable, Mapping

from bulkput.ebs.loggers import quiet_secretive_loggers
from bulkput.observe.plain import masked, one_line
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, Tone

_LEVELS = {
    Verbosity.QUIET: logging.ERROR,
    Verbosity.NORMAL: logging.WARNING,
    Verbosity.VERBOSE: logging.INFO,
}


class LineHandler(logging.Handler):
    """Hands each record to ``say`` as one line with secrets masked."""

    def __init__(self, say: Callable[[Line], None], environment: Mapping[str, str]) -> None:
        super().__init__()
        self._say = say
        self._environment = environment

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = f"{record.name}: {record.levelname.lower()}: {record.getMessage()}"
            tone = Tone.PLAIN if record.levelno < logging.WARNING else Tone.WARNING
            self._say(Line(one_line(masked(text, self._environment)), tone))
        except Exception:  # noqa: BLE001 - logging's own rule: a record that cannot be formatted is dropped
            self.handleError(record)


def log_to(
    say: Callable[[Line], None], verbosity: Verbosity, environment: Mapping[str, str]
) -> LineHandler:
    """Send warnings of everybody, and with ``VERBOSE`` what bulkput itself tells, to ``say``.

    Returns:
        The handler, for ``stop_logging``.
    """
    handler = LineHandler(say, environment)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, _LEVELS[verbosity]))
    logging.getLogger("bulkput").setLevel(_LEVELS[verbosity])
    quiet_secretive_loggers()
    logging.raiseExceptions = False
    return handler


def stop_logging(handler: LineHandler) -> None:
    """Take ``handler`` off again."""
    logging.getLogger().removeHandler(handler)
