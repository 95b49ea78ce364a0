"""Events by a callback: how whoever calls hears what happens."""

from collections.abc import Callable
from typing import NamedTuple

from bulkput.model.events import Event, NullObserver, Observer

OnEvent = Callable[[Event], None]
"""Called in the event loop with every event; must return at once.

What it raises ends the call as a failure of its own would, and is raised from it.
"""


class _Listening(NamedTuple):
    """An Observer that is a function."""

    on_event: OnEvent


def observer_of(on_event: OnEvent | None) -> Observer:
    """Return what hears events for ``on_event``; nothing hears them without it."""
    return NullObserver() if on_event is None else _Listening(on_event)
