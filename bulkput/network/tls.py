"""Whom TLS trusts, for every client alike: as the AWS CLI decides it.

Verification cannot be switched off. Knows no request.
"""

import asyncio
import os
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

from bulkput.model.errors import ConfigError, Problem


def ca_file(configured: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the file of CA certificates that was asked for, or None for the system's.

    Args:
        configured: AWS_CA_BUNDLE or the profile's ``ca_bundle``, as botocore reads them.
        environ: Holds REQUESTS_CA_BUNDLE (botocore's second) and SSL_CERT_FILE (OpenSSL's).
    """
    found = configured or environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    return os.path.expanduser(found) if found else None  # noqa: PTH111 - raises without a home


def tls_context(cafile: str | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and names, TLS 1.2 or later; reads files.

    Args:
        cafile: The only authorities to trust; None trusts the system's, and botocore's own list
            where the system has none (minimal containers).

    Raises:
        ConfigError: ``cafile`` cannot be read or holds no certificate.
    """
    if cafile is not None:
        try:
            context = ssl.create_default_context(cafile=cafile)
        except (OSError, ssl.SSLError) as error:
            expected = f"expected a file of PEM certificates: {cafile}: {error}"
            raise ConfigError((Problem("AWS_CA_BUNDLE", expected),)) from error
    elif _system_has_authorities():
        context = ssl.create_default_context()
    else:
        context = ssl.create_default_context(cafile=_botocore_authorities())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def no_ca_context() -> ssl.SSLContext:
    """Return a context for a server that is spoken to without TLS; reads no file."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def configured_authorities(profile: str | None) -> str | None:
    """Return the file that environment and profile name, for clients without an AWS session."""
    import botocore.session  # noqa: PLC0415 - rarely needed without the rest
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - the same

    try:
        session = botocore.session.Session(profile=profile)
        return ca_file(session.get_config_variable("ca_bundle"))
    except BotoCoreError:  # whoever needs the profile itself says what is wrong with it
        return ca_file(os.environ.get("AWS_CA_BUNDLE"))


def web_context(profile: str | None) -> ssl.SSLContext:
    """Return a context for disks on the web: the configured authorities beside the system's.

    A bundle for a private endpoint must not shut out every other server.

    Raises:
        ConfigError: as ``tls_context``.
    """
    context = tls_context(configured_authorities(profile))
    context.load_default_certs()
    return context


def verify_path(configured: str | None) -> str | None:
    """Return what botocore's synchronous clients take as ``verify``; None for its own list."""
    return ca_file(configured) or ssl.get_default_verify_paths().cafile


class Trust:
    """A context that is read once, when it is first needed, from whatever thread."""

    def __init__(self, cafile: str | None) -> None:
        self._cafile = cafile
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    async def read(self) -> ssl.SSLContext:
        """Return the context, read in a thread.

        Raises:
            ConfigError: as ``tls_context``.
        """
        if self._context is not None:
            return self._context
        return await asyncio.to_thread(self.context)

    def context(self) -> ssl.SSLContext:
        """Return the context; the first call reads files, 25 ms.

        Raises:
            ConfigError: as ``tls_context``.
        """
        with self._lock:
            if self._context is None:
                self._context = tls_context(self._cafile)
            return self._context


def _system_has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:  # None where the file does not exist
        return True
    return bool(paths.capath) and any(Path(paths.capath).iterdir())


def _botocore_authorities() -> str:
    import botocore  # noqa: PLC0415 - only where the system has none

    return str(Path(botocore.__file__).with_name("cacert.pem"))
