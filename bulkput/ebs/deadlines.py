"""How long one attempt may take, and what it may take without moving."""

from typing import NamedTuple


class Deadlines(NamedTuple):
    """Limits of one attempt, in seconds; what they bound is tried again by others."""

    connect_s: float = 5.0
    """TCP and TLS: a handshake in a Region takes milliseconds; 5 s outlasts a lost SYN."""
    no_progress_s: float = 12.0
    """Without one byte sent or received: coldsnap's limit since 0.10."""
    attempt_s: float = 20.0
    """The whole put or get: coldsnap's limit since 0.10."""
    control_s: float = 20.0
    """StartSnapshot, CompleteSnapshot, lists and EC2, beside what moves: answers take up to a few
    seconds, and who has nobody behind it at all is to be known within half a minute."""
