"""aiohttp, imported without reading the system's authorities: take it from here.

aiohttp makes two TLS contexts of its own when it is imported, and reads the authorities into each:
45 ms that this program, which hands in its own context, has no use for. Whoever else in the process
leaves the choice to aiohttp has the same authorities, read at the first handshake.
"""

import ssl
import sys
import threading
from typing import Any


class LateContext(ssl.SSLContext):
    """A context that reads the system's authorities when a connection first needs them."""

    _is_read = False

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        self._read()
        return super().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self._read()
        return super().wrap_socket(*arguments, **options)

    def _read(self) -> None:
        if not self._is_read:
            self.load_default_certs()
            self._is_read = True


def import_aiohttp() -> None:
    """Import aiohttp; contexts that other threads make meanwhile are what they always are."""
    importer = threading.get_ident()
    make, read = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths

    def made(*arguments: Any, **options: Any) -> ssl.SSLContext:
        context = make(*arguments, **options)
        if threading.get_ident() == importer:
            context.__class__ = LateContext
        return context

    def read_by_others(context: ssl.SSLContext) -> None:
        if threading.get_ident() != importer:
            read(context)

    ssl.create_default_context = made
    ssl.SSLContext.set_default_verify_paths = read_by_others  # type: ignore[method-assign,assignment]
    try:
        import aiohttp.connector  # noqa: F401, PLC0415 - the point of it
    finally:
        ssl.create_default_context = make
        del ssl.SSLContext.set_default_verify_paths  # its base class has the real one


if "aiohttp" not in sys.modules:
    import_aiohttp()

import aiohttp  # noqa: E402 - by now without the authorities
import aiohttp.client_proto  # noqa: E402 - beyond what the package names
import aiohttp.http  # noqa: E402 - the same

__all__ = ("aiohttp",)
