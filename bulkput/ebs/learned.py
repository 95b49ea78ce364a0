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
    has_answered: bool = False
    """A call was answered by what seems to be the service: from then on an outage may pass."""
    kms_keys: dict[str, str] = field(default_factory=dict)
    """Snapshot to the ARN of its key, of the snapshots that the run itself asked for."""

    def note_failure(self, error: BulkputError) -> None:
        """Take note of a failed call: an answer that names its code is one of the service."""
        if isinstance(error, ServiceError) and error.code is not None:
            self.has_answered = True

    def note_key(self, snapshot_id: str, arn: str | None) -> None:
        """Keep the key that an answer named."""
        if arn:
            self.kms_keys[snapshot_id] = arn

    def key_of(self, *snapshot_ids: str | None) -> str | None:
        """Return the key of the first of the snapshots whose key is known."""
        known = self.kms_keys
        return next((known[each] for each in snapshot_ids if each and each in known), None)
