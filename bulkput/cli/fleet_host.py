"""``bulkput fleet host``: this machine as a host of a cluster."""

import re
import socket
from typing import TYPE_CHECKING

import click

from bulkput.cli.command import Command
from bulkput.cli.options import verbose_option
from bulkput.cli.text import write_message_line
from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.config.text import Text

RAY_PORTS = range(10_001, 20_000)
"""Of Ray's own processes, by its defaults: its client's server and its workers."""


@click.command(cls=Command)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="The head of the cluster that this machine joins.",
)
@click.option("--head", is_flag=True, help="Be the head: begin a cluster on this machine.")
@click.option("--port", type=int, default=6379, show_default=True, help="Port of the head.")
@click.option("--name", metavar="NAME", help="What the host is called. Default: its host name.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the host has, for volumes whose placement asks for it; may be repeated.",
)
@verbose_option("Show tracebacks of unexpected errors.")
def host(
    address: str | None, *, head: bool, port: int, name: str | None, labels: tuple[str, ...]
) -> None:
    """Make this machine a host of a cluster.

    It is one until it is stopped (SIGTERM). RAY_AUTH_TOKEN has the cluster's secret, the same on
    all hosts. Volumes of bulkput fleet run are uploaded here, with this machine's credentials.
    """
    if head == (address is not None):
        raise UsageError("one of --head and --address HOST:PORT is needed, and not both")
    if port not in range(1, 65_536) or port in RAY_PORTS:
        raise UsageError(
            f"--port: expected 1 to 65535 without {RAY_PORTS[0]} to {RAY_PORTS[-1]}, which Ray's "
            "own processes use"
        )
    from bulkput.fleet.host import become_host, host_command  # noqa: PLC0415 - an extra

    command = host_command(_head(address), _name(name), _labels(labels), port=port)
    if address is None:
        name_here = f"{socket.gethostname()}:{port}"
        write_message_line(f"others join it by bulkput fleet host --address {name_here}, not ray")
    become_host(command, address, write_message_line)


def _head(address: str | None) -> str | None:
    if address is not None and not re.fullmatch(r"[^\s/:]+:[0-9]{1,5}", address):
        raise UsageError(f"--address: expected HOST:PORT of the head, not {address!r}")
    return address


def _name(name: str | None) -> str | None:
    from bulkput.config.fleet import HOST_NAME_TEXT  # noqa: PLC0415 - pydantic is not for --help

    return None if name is None else _parsed("--name", HOST_NAME_TEXT, name)


def _labels(labels: tuple[str, ...]) -> dict[str, str]:
    from bulkput.config.fleet import LABEL_KEY_TEXT, LABEL_VALUE_TEXT  # noqa: PLC0415 - the same

    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--label: expected KEY=VALUE, not {text!r}")
        pairs[_parsed("--label", LABEL_KEY_TEXT, key)] = _parsed("--label", LABEL_VALUE_TEXT, value)
    return pairs


def _parsed(flag: str, form: "Text", text: str) -> str:
    try:
        return form.parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
