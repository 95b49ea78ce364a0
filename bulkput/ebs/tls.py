"""Whom TLS trusts, and which proxy lies between: both as the AWS CLI decides it.

Verification cannot be switched off. Knows no request.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bulkput.ebs.endpoint import is_loopback_url
from bulkput.model.errors import ConfigError, Problem


def ca_file(configured: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the file of CA certificates that was asked for, or None for the system's.

    Args:
        configured: AWS_CA_BUNDLE or the profile's ``ca_bundle``, as botocore reads them.
        environ: Holds REQUESTS_CA_BUNDLE (botocore's second) and SSL_CERT_FILE (OpenSSL's).
    """
    found = configured or environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    return str(Path(found).expanduser()) if found else None


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


def _system_has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:  # None where the file does not exist
        return True
    return bool(paths.capath) and any(Path(paths.capath).iterdir())


def _botocore_authorities() -> str:
    import botocore  # noqa: PLC0415 - only where the system has none

    return str(Path(botocore.__file__).with_name("cacert.pem"))


def proxy_url(endpoint_url: str) -> str | None:
    """Return the proxy for ``endpoint_url`` from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.

    None for a server on this machine, whatever they say: no proxy could reach it. Read once, for
    aiohttp's own ``trust_env`` hops to a thread for every request.

    Raises:
        ConfigError: it is no http or https URL; the message does not repeat it.
    """
    from botocore.utils import get_environ_proxies  # noqa: PLC0415 - 60 ms without the rest

    if is_loopback_url(endpoint_url):
        return None
    proxies: Mapping[str, Any] = get_environ_proxies(endpoint_url)
    scheme = urlsplit(endpoint_url).scheme
    found = proxies.get(scheme)
    if not found:
        return None
    url = str(found) if "://" in str(found) else f"http://{found}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        name = f"{scheme.upper()}_PROXY"
        raise ConfigError((Problem(name, "expected a URL that begins with http:// or https://"),))
    return url
