"""What proxies have refused: asked again and again, a proxy locks the account.

One memory for the process: the disks of a job, its calls and its blocks have clients of their own,
and a proxy counts them all.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from bulkput.network.proxy import Proxy, proxy_for

KEPT_S = 600.0
"""A proxy may be mended meanwhile. Windows and Active Directory count wrong passwords of the last
10 minutes, and lock at 10 of them."""

FIRST_ASKER_LIMIT_S = 10.0
"""How long others wait for the answer to whoever asks first: the time limit of connecting."""

_EVERY_HOST = ""
_NEVER = 0, -math.inf


class Refusals:
    """Refusals by proxy and the user it was asked for; may be used from any thread."""

    def __init__(self) -> None:
        self._noted: dict[str, dict[Proxy | None, tuple[int, float]]] = {}
        """Host to proxy to status and time (monotonic)."""
        self._open: set[tuple[Proxy, str]] = set()
        """Proxies, and the hosts that each has led to."""
        self._gate = threading.Lock()

    def note(self, url: str, status: int) -> None:
        """Keep a proxy's no: of one host where it forbids it, of all where it wants a password."""
        proxy = proxy_for(url)
        if proxy is not None:
            host = urlsplit(url).netloc if status == HTTPStatus.FORBIDDEN else _EVERY_HOST
            self._noted.setdefault(host, {})[proxy] = status, time.monotonic()

    def status_of(self, url: str) -> int | None:
        """Return the status that the way to ``url`` was refused with; nobody asks again soon."""
        if not self._noted:  # as at every put
            return None
        hosts = [each for each in (urlsplit(url).netloc, _EVERY_HOST) if each in self._noted]
        proxy = proxy_for(url) if hosts else None
        for each in hosts:
            status, noted_s = self._noted[each].get(proxy, _NEVER)
            if time.monotonic() - noted_s < KEPT_S:
                return status
        return None

    @contextmanager
    def asking(self, url: str) -> Iterator[int | None]:
        """Let one thread alone ask a proxy for a way that it has not yet opened.

        Gives:
            The status that the way was refused with, before or meanwhile: then nobody is to ask.
        """
        if self.is_open(url):
            yield self.status_of(url)
            return
        with ExitStack() as stack:
            if self._gate.acquire(timeout=FIRST_ASKER_LIMIT_S):
                stack.callback(self._gate.release)
            if self.is_open(url):  # by now
                stack.close()
            yield self.status_of(url)
        self.note_open(url)  # nothing was raised

    def is_open(self, url: str) -> bool:
        """Return whether a proxy has led to the host of ``url``, or no proxy lies between."""
        proxy = proxy_for(url)
        return proxy is None or (proxy, urlsplit(url).netloc) in self._open

    def note_open(self, url: str) -> None:
        """Keep that the host of ``url`` has answered."""
        proxy = proxy_for(url)
        if proxy is not None:
            self._open.add((proxy, urlsplit(url).netloc))

    def forget(self) -> None:
        """Begin anew."""
        self._noted.clear()
        self._open.clear()


known_refusals = Refusals()
"""The process's own."""
