"""The event loop of a command; a caller of the library brings its own."""

from bulkput.jobs.process.event_loop import run_in_loop

__all__ = ["run_in_loop"]
