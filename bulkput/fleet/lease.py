"""What a client asks of the fleet's quota, and what it is leased. Data only.

The rules are those of Doorman (github.com/youtube/doorman, ``doc/design.md``): a client says what
it wants and has, and may use what it is leased until a time out. Added is what makes the sum hold
where messages are lost, late or doubled: asks are numbered, and a lease begins when its ask was
sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LENGTH_S = 20.0
"""Nine renewals in a row may fail, or the table be away for that long, before anybody slows down;
a restart of Ray's actor takes one or two seconds."""

REFRESH_S = 2.0
"""What a client leaves is with another within two of these. 90 clients are 45 asks a second, where
an actor answers about 1,000."""

SOON_S = 0.5
"""A client whose lease shrank confirms it, and one that has less than its share asks again: what
one confirms, the other gets."""

ORPHAN_S = 300.0
"""How long a client may go on with its safe amounts after its last lease, and then with nothing.
Ray ends a host that has lost its head after 60 s; a pending snapshot that nobody puts to times out
after 60 minutes."""


class Resource(StrEnum):
    """What an account has so much a second of, in one Region."""

    PUTS = "puts"
    GETS = "gets"
    STARTS = "starts"
    """StartSnapshot: 10/s."""
    COMPLETES = "completes"
    """CompleteSnapshot: 10/s."""


Amounts = Mapping[Resource, float]
"""A second; a resource that is not in it is 0."""


@dataclass(frozen=True)
class Terms:
    """How long things last; the same at the table and at its clients."""

    length_s: float = LENGTH_S
    refresh_s: float = REFRESH_S
    soon_s: float = SOON_S
    orphan_s: float = ORPHAN_S


@dataclass(frozen=True)
class Ask:
    """From a client to the table."""

    client: str
    """Of one process's life: another attempt at the same volume has another name."""
    number: int
    """From 1, one more for each."""
    wants: Amounts
    in_use: int = 0
    """The number of the ask whose lease the client goes by; 0 for none."""
    has: Amounts | None = None
    """What it may use by that lease now: only what is left of it is asked for by a table that has
    just begun."""
    safe: Amounts | None = None
    """What that lease lets it use once it has run out."""
    table: str = ""
    """The one that gave it."""
    clients: int = 0
    """How many there were, by that lease."""


@dataclass(frozen=True)
class Lease:
    """From the table to a client."""

    number: int
    """Of the ask that it answers."""
    amounts: Amounts
    """Until ``length_s`` after the ask was sent."""
    safe: Amounts
    """From then on, for ``orphan_s``: never more than ``amounts``."""
    length_s: float
    orphan_s: float
    refresh_s: float
    """After which the client asks again."""
    table: str
    clients: int
    """That something is held for, this one among them: what a table that follows is to expect."""
