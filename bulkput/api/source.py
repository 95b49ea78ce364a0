"""What a source is, before something is uploaded that does not look like a disk."""

from bulkput.jobs.session.source import doubt_about

__all__ = ["doubt_about"]
