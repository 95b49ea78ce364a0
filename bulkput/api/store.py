"""The state store, as the verbs use it; no functions of the library."""

from bulkput.jobs.session.store_apart import fetch_record

__all__ = ["fetch_record"]
