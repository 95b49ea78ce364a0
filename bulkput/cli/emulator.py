"""``bulkput emulator``: the embedded server alone.

Owns the flags and the sentences for what cannot be served. Knows nothing of how it is served.
"""

import math
import os
import shlex
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from bulkput.cli.command import Command
from bulkput.cli.options import PATH, invocation_of, verbose_option, with_options
from bulkput.cli.streams import write_message, write_result
from bulkput.emulator.hosts import is_loopback
from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, EmulatorOptions
from bulkput.model.errors import ConfigError, Problem

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


class _Number(click.FloatRange):
    """A range that NaN, which is neither above nor below anything, is not in."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


_RATE_PUTS_PER_S = _Number(0, 1_000_000)
_DELAY_MS = _Number(0, 3_600_000)
"""An hour outlasts every deadline of a client."""
_REGION = "us-east-1"
"""The emulator takes any; clients ask for one."""

_address_options = with_options(
    click.option(
        "--host",
        default=EmulatorOptions.host,
        help="Address to listen on. Any other than loopback is open to the network.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65_535),
        default=EmulatorOptions.port,
        metavar="PORT",
        help="Port to listen on; 0 takes a free one. The URL is printed to stdout.",
    ),
    click.option(
        "--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain (PEM), to serve https."
    ),
    click.option("--tls-key", type=_FILE, metavar="FILE", help="The certificate's key (PEM)."),
)
_behaviour_options = with_options(
    click.option(
        "--latency-ms",
        type=_DELAY_MS,
        default=EmulatorOptions.latency_ms,
        metavar="MS",
        help="Delay of each response in milliseconds.",
    ),
    click.option(
        "--jitter-ms",
        type=_DELAY_MS,
        default=EmulatorOptions.jitter_ms,
        metavar="MS",
        help="Random extra delay of up to this many milliseconds.",
    ),
    click.option(
        "--puts-per-s-snapshot",
        type=_RATE_PUTS_PER_S,
        default=EmulatorOptions.puts_per_s_snapshot,
        metavar="RATE",
        help="Puts per second allowed for one snapshot; 0 means no limit.",
    ),
    click.option(
        "--puts-per-s-account",
        type=_RATE_PUTS_PER_S,
        default=EmulatorOptions.puts_per_s_account,
        metavar="RATE",
        help="Puts per second allowed for all snapshots together; 0 means no limit.",
    ),
    click.option(
        "--faults",
        is_flag=True,
        help="Serve /_emulator/, where requests that are signed with the key script faults.",
    ),
)
_key_options = with_options(
    click.option(
        "--access-key",
        metavar="ID",
        help=f"Access key id to accept. Default: {DEFAULT_ACCESS_KEY}.",
    ),
    click.option(
        "--secret-key",
        metavar="SECRET",
        help="Secret of --access-key, or - to read it from stdin, where no other user sees it; "
        f"default {DEFAULT_SECRET_KEY}, which everybody knows.",
    ),
)


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--root",
    type=PATH,
    metavar="DIR",
    help="Folder for the snapshots. Default: a temporary folder that is removed at the end.",
)
@_address_options
@_behaviour_options
@_key_options
@click.option(
    "--env",
    "as_exports",
    is_flag=True,
    help="Print lines to paste into a shell instead of the URL: export AWS_ENDPOINT_URL=... and "
    "the key.",
)
@verbose_option("Log every request to stderr.")
@click.pass_context
def emulator(context: click.Context, /, **flags: Any) -> None:
    """Serve the EBS direct API on this machine.

    Prints its URL when it is ready, and runs until a signal ends it. The URL serves both EBS and
    EC2: give it to --endpoint-url of other commands. What to set for other programs goes to
    stderr, to paste into a shell; with --env it is all that goes to stdout.
    """
    as_exports = flags.pop("as_exports")
    _refuse_half(flags, "tls_cert", "tls_key")
    _refuse_half(flags, "access_key", "secret_key")
    for rate in ("puts_per_s_snapshot", "puts_per_s_account"):
        flags[rate] = flags[rate] or None
    for key in ("root", "access_key", "secret_key"):
        if flags[key] is None:
            del flags[key]
    if flags.get("secret_key") == "-":
        flags["secret_key"] = _secret_of_stdin()
    from bulkput.emulator.serve import run  # noqa: PLC0415 - aiohttp is not for --help
    from bulkput.emulator.store import StoreError  # noqa: PLC0415 - the same

    with ExitStack() as stack:
        stack.callback(os.umask, os.umask(0o077))  # what it keeps are disks
        try:
            if "root" not in flags:
                folder = tempfile.TemporaryDirectory(prefix="bulkput-emulator-")
                flags["root"] = Path(stack.enter_context(folder))
            options = EmulatorOptions(**flags, verbose=invocation_of(context).verbose)
            run(options, partial(_on_ready, options, as_exports=as_exports))
        except BrokenPipeError:
            raise
        except (OSError, StoreError) as error:
            raise ConfigError((_problem(error),), "emulator") from error


def _on_ready(options: EmulatorOptions, url: str, *, as_exports: bool) -> None:
    exports = "".join(f"{line}\n" for line in export_lines(options, url))
    if as_exports:
        write_result(exports)
    else:
        write_result(f"bulkput emulator listening on {url}\n")
        write_message(f"To use it from this machine, paste into a shell:\n{exports}".rstrip())
    if not is_loopback(options.host):
        write_message(f"bulkput: warning: {exposure(options)}")


def export_lines(options: EmulatorOptions, url: str) -> list[str]:
    """Return what bulkput, the AWS CLI and the SDKs need in their environment to use it.

    A secret that is not the documented one is for its owner to fill in: the terminal and the logs
    that stderr goes to are not the place for it.
    """
    is_known = options.secret_key == DEFAULT_SECRET_KEY
    values = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": options.region or _REGION,
        "AWS_ACCESS_KEY_ID": options.access_key,
        "AWS_SECRET_ACCESS_KEY": options.secret_key if is_known else "...",
    }
    if options.tls_cert is not None:
        values["AWS_CA_BUNDLE"] = str(options.tls_cert.resolve())
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def exposure(options: EmulatorOptions) -> str:
    """Return what it means to listen on an address that is not this machine's alone."""
    is_open = (
        f"--host {options.host} is open to the network: whoever reaches it and has the key can "
        "read, change and delete every disk that is kept here"
    )
    parts = [is_open]
    if options.secret_key == DEFAULT_SECRET_KEY:
        parts.append(
            "the key is the documented one, which everybody has: set --access-key and --secret-key"
        )
    if options.tls_cert is None:
        parts.append(
            "blocks travel unencrypted: set --tls-cert and --tls-key, or listen on 127.0.0.1 and "
            "come through a tunnel"
        )
    return "; ".join(parts)


def _secret_of_stdin() -> str:
    """Return the first line of stdin.

    Raises:
        UsageError: there is none.
    """
    try:
        secret = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret:
        raise click.UsageError("--secret-key -: expected the secret as a line on stdin.")
    return secret


def _refuse_half(flags: dict[str, Any], *names: str) -> None:
    """Raise if only one of two flags that need each other is given."""
    missing = [name for name in names if flags[name] is None]
    if missing and len(missing) < len(names):
        both = " and ".join(f"--{name.replace('_', '-')}" for name in names)
        raise click.UsageError(f"{both} go together.")


def _problem(error: Exception) -> Problem:
    """Return which value is wrong, as far as the error shows, and why."""
    import socket  # noqa: PLC0415 - with ssl 10 ms that ``--help`` need not pay
    import ssl  # noqa: PLC0415 - see above

    if isinstance(error, ssl.SSLError):
        expected = "expected a certificate and its key in PEM"
        return Problem("--tls-cert, --tls-key", expected)
    if isinstance(error, socket.gaierror):
        return Problem("--host", error.strerror or str(error))
    if not isinstance(error, OSError):
        return Problem("", str(error))
    place = f"{error.filename}: " if error.filename else ""
    return Problem("", f"cannot serve: {place}{error.strerror or error}")
