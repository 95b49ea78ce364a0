"""Everything that an upload needs is looked at; no function of the library."""

from bulkput.jobs.check.check_job import check_job
from bulkput.jobs.check.finding import CheckStatus, Finding, worst

__all__ = ["CheckStatus", "Finding", "check_job", "worst"]
