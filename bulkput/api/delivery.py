"""That outcomes were reported is recorded: a command does it after its last word.

Imported before a run starts: the package may be replaced while the run lasts for hours.
"""

from bulkput.jobs.state.delivery import deliver, mark_delivered

__all__ = ["deliver", "mark_delivered"]
