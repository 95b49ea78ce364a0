"""``bulkput fleet host``: this machine as a host of a cluster."""

import socket
from functools import partial

import click

from bulkput.cli.command import Command
from bulkput.cli.fleet_flags import parsed
from bulkput.cli.options import invocation_of, verbose_option
from bulkput.cli.service import call_out
from bulkput.cli.text import write_message_line
from bulkput.model.errors import UsageError

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
@click.pass_context
def host(
    context: click.Context,
    address: str | None,
    *,
    head: bool,
    port: int,
    name: str | None,
    labels: tuple[str, ...],
) -> None:
    """Make this machine a host of a cluster.

    It is one until it is stopped (SIGTERM). RAY_AUTH_TOKEN has the cluster's secret, the same on
    all hosts. Volumes of bulkput fleet run are uploaded here, with this machine's credentials.

    Without --head and --address, this machine is a host already, as ray start or a launcher made
    it: it has the name and labels given here while this command runs.
    """
    if head and address is not None:
        raise UsageError("--head and --address: at most one of both")
    if port not in range(1, 65_536) or port in RAY_PORTS:
        raise UsageError(
            f"--port: expected 1 to 65535 without {RAY_PORTS[0]} to {RAY_PORTS[-1]}, which Ray's "
            "own processes use"
        )
    host_name, pairs, joined = _name(name), _labels(labels), _head(address)
    if not head and joined is None:
        from bulkput.fleet.described_node import describe_this_node  # noqa: PLC0415 - an extra

        describing = partial(describe_this_node, host_name, pairs, write_message_line)
        call_out(describing, invocation_of(context))
        return
    from bulkput.fleet.host import become_host, host_command  # noqa: PLC0415 - an extra

    command = host_command(joined, host_name, pairs, port=port)
    if joined is None:
        name_here = f"{socket.gethostname()}:{port}"
        write_message_line(f"others join it by bulkput fleet host --address {name_here}, not ray")
    become_host(command, joined, write_message_line)


def _head(address: str | None) -> str | None:
    from bulkput.config.fleet import HEAD_TEXT  # noqa: PLC0415 - pydantic is not for --help

    return None if address is None else parsed("--address", HEAD_TEXT, address)


def _name(name: str | None) -> str | None:
    from bulkput.config.fleet import HOST_NAME_TEXT  # noqa: PLC0415 - the same

    return None if name is None else parsed("--name", HOST_NAME_TEXT, name)


def _labels(labels: tuple[str, ...]) -> dict[str, str]:
    from bulkput.config.fleet import LABEL_KEY_TEXT, LABEL_VALUE_TEXT  # noqa: PLC0415 - the same

    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--label: expected KEY=VALUE, not {text!r}")
        pairs[parsed("--label", LABEL_KEY_TEXT, key)] = parsed("--label", LABEL_VALUE_TEXT, value)
    return pairs
