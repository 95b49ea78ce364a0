"""What the program is made of and runs on, for whoever looks at a run later."""

import os
import platform
import ssl

from bulkput import __version__

_PACKAGES = ("aiohttp", "aiobotocore", "botocore", "numpy", "uvloop")
"""Those that a run's speed and answers hang on."""


def versions() -> dict[str, str]:
    """Return versions by name; what is not installed is left out. Takes 8 ms."""
    from importlib.metadata import (  # noqa: PLC0415 - reads mail headers: 5 ms more
        PackageNotFoundError,
        version,
    )

    found = {
        "bulkput": __version__,
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.removeprefix("OpenSSL "),
        "Linux": platform.release(),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int | None]:
    """Return what can be known of the machine without asking anybody."""
    return {
        "architecture": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }
