"""What proxies have refused: asked again and again, a proxy locks the account."""

from http import HTTPStatus


class Refusals:
    """Of one run or one source. May be used from any thread."""

    def __init__(self) -> None:
        self._status_of: dict[str, int] = {}
        """Host to the status with which the way there was refused; empty for every host."""

    def __bool__(self) -> bool:
        """Whether there is any: what a put asks, which names no host for that."""
        return bool(self._status_of)

    def note(self, host: str, status: int) -> None:
        """Keep a proxy's no: of one host where it forbids it, of all where it wants a password."""
        self._status_of["" if status != HTTPStatus.FORBIDDEN else host] = status

    def status_of(self, host: str) -> int | None:
        """Return the status that the way to ``host`` was refused with; nobody asks again."""
        return self._status_of.get(host) or self._status_of.get("")
