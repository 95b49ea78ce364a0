"""Everything that can be set on the emulator, and the credentials that it knows by default.

Owns defaults with their reasons; knows nothing of the command line that fills it in.
"""

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_ACCESS_KEY = "AKIAEMULATOREXAMPLE0"
DEFAULT_SECRET_KEY = "emulator/secret/key/for/rehearsal/only00"  # noqa: S105 - public on purpose
OWNER_ID = "000000000000"


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """How one emulator behaves.

    Rates are in requests per second; None switches a limit off.
    """

    root: Path
    """Folder for blocks and records; made if it is missing."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free port; the URL names it."""
    tls_cert: Path | None = None
    tls_key: Path | None = None

    access_key: str = DEFAULT_ACCESS_KEY
    secret_key: str = field(default=DEFAULT_SECRET_KEY, repr=False)
    session_token: str | None = field(default=None, repr=False)
    """Where set, every request must carry it, as with temporary credentials."""
    verify_signatures: bool = True
    region: str | None = None
    """The only region that a signature may name; None takes any."""

    latency_ms: float = 0.0
    """Added between the end of the work and the answer; the body is read at full speed."""
    jitter_ms: float = 0.0
    """Up to this much more, evenly spread."""

    puts_per_s_snapshot: float | None = 1000.0
    """Quota L-1774F84A."""
    puts_per_s_account: float | None = 1000.0
    """Quota L-AFAE1BE8."""
    gets_per_s_snapshot: float | None = 1000.0
    """Quota L-028ACFB9."""
    gets_per_s_account: float | None = 1000.0
    """Quota L-C125AE42."""
    lists_per_s: float | None = 50.0
    """Quotas L-18E976AB and L-DB2FBAA1, one bucket each."""
    starts_per_s: float | None = 10.0
    """Quota L-AFEBDF7A."""
    completes_per_s: float | None = 10.0
    """Quota L-1D4D9345."""
    burst_s: float = 0.1
    """A put or get bucket holds this much of its rate: 100 puts at 1000/s."""
    pending_snapshots_max: int = 100
    """Quota L-94D7AB7D."""

    completion_delay_s: float = 0.2
    """From CompleteSnapshot to the verdict; the service takes from seconds to minutes."""
    resource_delay_s: float = 0.2
    """From a call that makes a copy, an image, a volume or a fast restore until it is there; the
    service takes from seconds to hours."""
    start_visible_after_s: float = 0.0
    """StartSnapshot's snapshot is unknown to the other direct calls for this long."""
    completed_lag_s: float = 0.0
    """EC2 reports completed this much earlier than the direct side does."""
    body_timeout_s: float = 30.0
    """A body slower than this ends in 'Failed to read block data'; the service's limit is not
    documented, clients give up an attempt at about 20 s."""
    ebd: bool = False
    """The account's encryption by default."""
    ebd_shown: bool = True
    """StartSnapshot's answer shows the key of a snapshot that is encrypted only by default.
    Whether the service's does was never captured; EC2's DescribeSnapshots always shows it."""

    faults: bool = False
    """Serve /_emulator/, where signed requests script faults, change quotas and read counts."""
    verbose: bool = False
    """One log line a request."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: one half of a TLS pair, or a figure below zero.
        """
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS needs both a certificate and a key")
        for name in ("latency_ms", "jitter_ms", "completion_delay_s", "resource_delay_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        for name in ("puts_per_s_snapshot", "puts_per_s_account"):
            rate = getattr(self, name)
            if rate is not None and rate <= 0:
                raise ValueError(f"{name} must be above 0")
