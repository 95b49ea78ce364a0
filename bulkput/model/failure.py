"""What kind of failure an attempt met: the one word that decides about retry and exit code.

The data plane translates answers and exceptions into these; the retry policy and the exit code
are tables over them. No code, message or status is compared anywhere else.
"""

from enum import Enum, auto


class FailureClass(Enum):
    """Classes of failed service calls, by what the caller should do."""

    TRANSIENT = auto()
    """5xx, broken connections, a body that arrived short: the same request again."""

    STALLED = auto()
    """Nothing moved, or too little, within the limit: the same again, and fewer at once."""

    UNREACHABLE = auto()
    """No connection, and nothing of this run was ever answered: again, for seconds only."""

    NO_SUCH_HOST = auto()
    """The name does not exist, and nothing of this run was ever answered: as UNREACHABLE."""

    PROXY_REFUSED = auto()
    """Stop everything: a proxy wants a password, or forbids the host."""

    THROTTLED_ACCOUNT = auto()
    """The account's rate: again, and slow the account's bucket."""

    THROTTLED_SNAPSHOT = auto()
    """The snapshot's rate: again, and slow the snapshot's bucket."""

    NOT_YET_VISIBLE = auto()
    """404 SNAPSHOT_NOT_FOUND: eventual consistency right after the start, final later."""

    CHECKSUM_MISMATCH = auto()
    """The service or its echo disagrees with the digest: read and hash again, then put."""

    SIGNATURE = auto()
    """Clock or signature refused, or an expired token: once, with fresh credentials and time."""

    UNDOCUMENTED = auto()
    """Reasons without documented triggers: again, but only a few times."""

    CONCURRENT_LIMIT = auto()
    """Too many pending snapshots: later, not at once."""

    ACCESS_DENIED = auto()
    """Stop everything: a permission is missing."""

    KEY_UNUSABLE = auto()
    """Stop everything: the KMS key or a grant is missing."""

    INVALID = auto()
    """Stop everything: the request can never succeed."""

    CONFLICT = auto()
    """StartSnapshot with a token that is stored with other parameters."""

    GONE = auto()
    """The snapshot does not exist (any more)."""

    QUOTA = auto()
    """Stop everything: a quota that does not refill is exhausted."""


NEVER_ANSWERED = frozenset({FailureClass.UNREACHABLE, FailureClass.NO_SUCH_HOST})
"""What only a host is met with that has not answered this run yet."""
