"""Whether a source whose identity is unchanged has unchanged content: by ``resume``. Pure."""

from collections.abc import Callable
from typing import Literal

_TRUSTS: dict[str, Callable[[bool], bool]] = {
    "auto": lambda tells_changes: tells_changes,
    "trust": lambda tells_changes: True,  # noqa: ARG005 - the user knows that nothing wrote to it
    "verify": lambda tells_changes: False,  # noqa: ARG005 - everything is read and compared
}


def trusts(resume: Literal["auto", "trust", "verify"], *, tells_changes: bool) -> bool:
    """Return whether what the ledger vouches for need not be read again.

    Args:
        resume: As configured.
        tells_changes: Whether the source's identity changes with its content: a file's does, a
            block device's does not.
    """
    return _TRUSTS[resume](tells_changes)
