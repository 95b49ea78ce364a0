"""What this run has learned of the service by its answers, shared by all clients of one opening.

Decides nothing: who translates failures asks it.
"""

from dataclasses import dataclass, field

from bulkput.model.errors import BulkputError, ServiceError


@dataclass
class Learned:
    """Mutable, of one event loop."""

    region: str = ""
    """The Region that the run works in; empty before it is known."""
    hosts: set[str] | None = field(default_factory=set)
    """With ports, whose answers seem to be the service's: from then on an outage may pass. None is
    everybody: it was seen elsewhere that they do."""
    kms_keys: dict[str, str] = field(default_factory=dict)
    """Snapshot to the ARN of its key, of the snapshots that the run itself asked for."""

    def note_answer(self, host: str) -> None:
        """Take note of an answer of the service."""
        if self.hosts is not None:
            self.hosts.add(host)

    def note_failure(self, host: str, error: BulkputError) -> None:
        """Take note of a failed call: an answer that names its code is one of the service."""
        if isinstance(error, ServiceError) and error.code is not None:
            self.note_answer(host)

    def has_answered(self, host: str | None = None) -> bool:
        """Return whether ``host`` has ever answered; None is anybody."""
        if self.hosts is None:
            return True
        return bool(self.hosts) if host is None else host in self.hosts

    def note_key(self, snapshot_id: str, arn: str | None) -> None:
        """Keep the key that an answer named."""
        if arn:
            self.kms_keys[snapshot_id] = arn

    def key_of(self, *snapshot_ids: str | None) -> str | None:
        """Return the key of the first of the snapshots whose key is known."""
        known = self.kms_keys
        return next((known[each] for each in snapshot_ids if each and each in known), None)
