"""Whether a source is still what a ledger was made of, without reading it: by ``resume``. Pure."""

from collections.abc import Callable, Mapping
from typing import Literal

from bulkput.source.source import Source

_TRUSTS: dict[str, Callable[[bool], bool]] = {
    "auto": lambda tells_changes: tells_changes,
    "trust": lambda tells_changes: True,  # noqa: ARG005 - the user knows that nothing wrote to it
    "verify": lambda tells_changes: False,  # noqa: ARG005 - everything is read and compared
}


def trusts(
    resume: Literal["auto", "trust", "verify"], source: Source, recorded: Mapping[str, object]
) -> bool:
    """Return whether what the ledger vouches for need not be read again.

    Args:
        resume: As configured.
        source: As it was opened by this run; nothing is read.
        recorded: The identity that the ledger has; an equal one means equal content only where
            the source reports every change. What is piped in is another stream each time,
            whatever ``resume`` says.
    """
    same = dict(recorded) == source.identity.as_dict()
    return same and source.kind != "stream" and _TRUSTS[resume](source.tells_changes)
