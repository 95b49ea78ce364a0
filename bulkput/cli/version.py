"""``bulkput --version``: the version, and with ``--verbose`` what a report of a bug needs.

No secrets: versions, the kernel, the processor, and limits of the process.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from bulkput import __version__
from bulkput.cli.options import with_options
from bulkput.cli.streams import write_result

_FLAGS = ("aes", "vaes", "sha_ni", "avx2", "avx512f", "sha2", "pmull")
"""What OpenSSL and numpy choose their code by, on x86-64 and arm64."""
_FOR_USERS = ("metrics", "report", "zstd")
"""The extras that a user installs; what developers have is no part of a bug."""
_EXTRAS = tuple(f"extra == {mark}{name}{mark}" for name in _FOR_USERS for mark in "'\"")
_QEMU_NBD_TIMEOUT_S = 5.0
"""It takes 20 ms; on a hanging disk the report goes without it."""


def _show(context: click.Context, _: click.Parameter, is_given: bool) -> None:  # noqa: FBT001 - click's signature
    is_verbose = bool(context.params.get("verbose"))
    if is_given and not context.resilient_parsing:
        write_result(f"bulkput {__version__}\n")
        if is_verbose:
            write_result("".join(f"{name:<18}{value}\n" for name, value in _surroundings()))
        context.exit()
    if is_verbose and not context.resilient_parsing:
        raise click.UsageError("--verbose goes with --version, or after the command.", context)


version_options = with_options(
    click.option(
        "--verbose",
        is_flag=True,
        is_eager=True,
        help="With --version: also what a report of a bug needs, without secrets.",
    ),
    click.option(
        "-V",
        "--version",
        is_flag=True,
        expose_value=False,
        callback=_show,
        help="Show the version and exit.",
    ),
)


def _surroundings() -> Iterator[tuple[str, str]]:
    """Yield the name and value of each thing that a bug may depend on."""
    import ssl  # noqa: PLC0415 - only for this
    from importlib import metadata  # noqa: PLC0415 - the same

    yield "python", f"{platform.python_implementation()} {sys.version.split()[0]}"
    yield "system", f"{platform.system()} {platform.release()}, {_distribution()}"
    yield "processor", f"{platform.machine()}, {_processor()}"
    yield "cores", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}"
    yield "openssl", ssl.OPENSSL_VERSION
    yield "qemu-nbd", _qemu_nbd()
    with suppress(metadata.PackageNotFoundError):
        for name in _dependencies(metadata.requires("bulkput") or ()):
            with suppress(metadata.PackageNotFoundError):
                yield name, metadata.version(name)


def _dependencies(requirements: Iterable[str]) -> list[str]:
    """Return the names of the packages that are required, those of users' extras too."""
    named = {
        requirement.split(";")[0].split("[")[0].split(">")[0].split("<")[0].strip()
        for requirement in requirements
        if "extra ==" not in requirement or requirement.endswith(_EXTRAS)
    }
    return sorted({*named, "botocore"} - {"bulkput"})


def _distribution() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "an unnamed distribution")
    return "an unknown distribution"


def _processor() -> str:
    """Return the processor's name, and which of the flags that matter it has."""
    text = ""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    facts = {
        name.strip(): value.strip()
        for name, _, value in (line.partition(":") for line in text.splitlines())
    }
    had = set(f"{facts.get('flags', '')} {facts.get('Features', '')}".split())
    flags = " ".join(flag for flag in _FLAGS if flag in had)
    return f"{facts.get('model name', 'unnamed')} ({flags or 'no flags known'})"


def _qemu_nbd() -> str:
    found = shutil.which("qemu-nbd")
    if found is None:
        return "not installed: only raw disks, compressed or not, can be read"
    with suppress(OSError, subprocess.SubprocessError, IndexError):
        shown = subprocess.run(  # noqa: S603 - found on the PATH, as for an image
            [found, "--version"],
            capture_output=True,
            text=True,
            timeout=_QEMU_NBD_TIMEOUT_S,
            check=False,
        )
        return shown.stdout.splitlines()[0]
    return "does not answer"
