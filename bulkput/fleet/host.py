"""A host of a fleet: the command by which it joins a cluster, or begins one."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from bulkput.fleet.connection import require_admission
from bulkput.fleet.extra import OBJECT_STORE_BYTES, RAY_ENVIRONMENT, load_ray, require_token
from bulkput.fleet.head import wait_for_head
from bulkput.fleet.node import NAME_LABEL

HEAD_PORT = 6379
"""Ray's own default."""
_OF_NO_FOLDER = {"PYTHONSAFEPATH": "1"}
"""Else each `python -m`, of Ray's too, would import what is in the folder that it is started in."""


def host_command(
    address: str | None, name: str | None, labels: Mapping[str, str], *, port: int = HEAD_PORT
) -> list[str]:
    """Return the command of a host, which runs until it is stopped.

    Args:
        address: Of the head; None is a host that is the head itself.
        name: What the host is called; None is its host name.
        labels: What it has.
        port: Of the head.
    """
    named = {NAME_LABEL: name} if name else {}
    pairs = ",".join(f"{key}={value}" for key, value in {**labels, **named}.items())
    # The monitor adds machines where tasks wait for processors, and shows figures to everybody.
    where = ["--head", f"--port={port}", "--include-dashboard=false", "--no-monitor"]
    return [
        *(sys.executable, "-m", "bulkput.fleet.host_process", "start"),
        *(where if address is None else [f"--address={address}"]),
        *([f"--labels={pairs}"] if pairs else []),
        "--num-cpus=0",  # volumes are counted by the driver; no process waits in reserve
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        "--disable-usage-stats",
        "--block",
    ]


def become_host(command: Sequence[str], head: str | None, report: Callable[[str], None]) -> None:
    """Replace this process by a host's; SIGTERM ends it with all that it started.

    Args:
        command: Of the host.
        head: HOST:PORT of the head that it joins, which may come later; None is the head itself.
        report: Called with what is waited for.

    Raises:
        TemporaryError: the head does not come.
        UsageError: Ray is not installed.
        ConfigError: there is no token, without which Ray would begin with one of its own; or it is
            not that of the head.
    """
    load_ray()
    require_token(os.environ)
    if head is not None:
        asyncio.run(wait_for_head(head, report))
        require_admission(head)
    os.umask(0o077)  # what Ray writes may have names and settings of volumes
    environ = {**os.environ, **RAY_ENVIRONMENT, **_OF_NO_FOLDER}
    os.execve(command[0], list(command), environ)  # noqa: S606 - no shell
