"""How this process becomes a driver of a Ray cluster, and why it cannot, in a sentence.

Ray itself tries a head that does not answer for a quarter of an hour.
"""

import asyncio
import contextlib
import io
import logging
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from bulkput.config.fleet import LOCAL
from bulkput.fleet.extra import OBJECT_STORE_BYTES, load_ray, require_token
from bulkput.fleet.head import CLIENTS_WAIT_S, unreachable_until
from bulkput.fleet.ray_thread import RayThread
from bulkput.fleet.rays_lines import rays_lines
from bulkput.fleet.refusal import NO_HEAD, NOT_ADMITTED, is_passing, refusal
from bulkput.model.errors import ConfigError, Problem
from bulkput.model.parent import descendants, kill_all

NAMESPACE = "bulkput"
AUTO = "auto"
RAYS_SCHEME = "ray://"
LEAVE_LIMIT_S = 10.0
"""For Ray to leave a cluster; without a head it may hang."""
JOIN_LIMIT_S = 45.0
"""Beyond Ray's own limits, of 20 and 31 s: some of its calls have none."""
START_LIMIT_S = 180.0
"""For a cluster on this machine: 7 s on two cores, a minute if others use them."""
_TOKEN_BYTES = 32
_OF_CLIENTS: Mapping[str, str] = {
    "RAY_NUM_REDIS_GET_RETRIES": "3",
    "RAY_gcs_server_request_timeout_seconds": "20",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ENABLE_AUTO_CONNECT": "0",
}
"""Read by Ray when it is imported: attempts to connect of about a second, 20 s for this machine's
part of the cluster, which is a host's alone, and no lines of its own about each, where the error
has the reason; and no cluster of its own on this machine, once the
connection to that of the job is lost."""
_OF_ONE_MACHINE: Mapping[str, str] = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Read by Ray when it is imported: its servers listen on the loopback alone, as on others' systems.
"""

Call = Callable[..., Any]
"""Runs a function that may block, and is awaited."""


@contextlib.asynccontextmanager
async def connected(address: str, call: Call, report: Callable[[str], None]) -> AsyncIterator[Any]:
    """Load Ray, connect it or start a cluster on this machine, and leave it at the end; gives Ray.

    Args:
        address: As the job's ``fleet.address``.
        call: What Ray starts on this machine ends with the thread that starts it.
        report: Called with what is waited for.

    Raises:
        UsageError: Ray is not installed.
        ConfigError: there is no cluster, or it refuses this one.
    """
    if address == LOCAL:
        os.environ |= {"RAY_AUTH_TOKEN": secrets.token_hex(_TOKEN_BYTES), **_OF_ONE_MACHINE}
    else:
        for name, value in _OF_CLIENTS.items():
            os.environ.setdefault(name, value)
    ray = load_ray()
    logging.getLogger("ray").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        # Ray writes to it what becomes of workers, whatever it is asked to: it is the result's.
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        if address == LOCAL:
            given = own_cluster(stack.enter_context(_private_folder()))
        else:
            require_token(os.environ)
            head = await call(_head_here) if address == AUTO else address
            limit_s = CLIENTS_WAIT_S if head.startswith(RAYS_SCHEME) else 0.0
            why = await unreachable_until(head.removeprefix(RAYS_SCHEME), limit_s, report)
            if why is not None:
                where = f" at {head}" if address == AUTO else ""
                raise _unusable(address, f"no head can be reached{where}: {why}")
            given = {"address": head}
        try:
            await _begin(ray, address, given, call)
            yield ray
        finally:
            with contextlib.suppress(Exception):  # late, or lost: the run's own end counts
                async with asyncio.timeout(LEAVE_LIMIT_S):
                    await call(ray.shutdown)


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Give a folder below one that only this user may enter: Ray opens its own to everybody."""
    folder = Path(tempfile.mkdtemp(prefix="bulkput-", dir="/tmp"))
    try:
        yield folder / "r"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own_cluster(folder: Path) -> dict[str, Any]:
    """Return what a cluster on this machine is started with."""
    return {
        "address": LOCAL,
        "include_dashboard": False,
        "num_cpus": 0,  # else Ray starts so many processes in reserve
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(folder),  # sockets are below it: 107 characters are their limit
    }


class _NoFolders(list[str]):
    """Takes none: what `ray.init` adds to the path has no flag."""

    def __bool__(self) -> bool:
        """Return True: Ray takes another list in place of one that is false."""
        return True

    def extend(self, _folders: Iterable[str]) -> None:
        """Leave them out."""


def job_of_no_folder() -> Any:
    """Return a Ray job whose processes import what their own host has installed, and no more.

    Ray puts the driver's working folder and that of its program before all others on the path of
    each process of the cluster: a `numpy.py` there would be run by every host that has the folder.
    """
    return import_module("ray.job_config").JobConfig(_py_driver_sys_path=_NoFolders())


async def _begin(ray: Any, address: str, given: Mapping[str, Any], call: Call) -> None:
    try:
        await _begin_once(ray, address, given, call)
    except ConfigError as error:
        if not is_passing(str(error.__cause__)):
            raise
        await _begin_once(ray, address, given, call)


async def _begin_once(ray: Any, address: str, given: Mapping[str, Any], call: Call) -> None:
    lines: list[str] = []
    # What Ray starts on this machine would keep the stderr that it begins with.
    aside = rays_lines() if address != LOCAL else contextlib.nullcontext(lines)
    before = set(descendants(os.getpid()))
    limit = asyncio.timeout(START_LIMIT_S if address == LOCAL else JOIN_LIMIT_S)
    try:
        with aside as lines:
            async with limit:
                await call(partial(_init, ray, given))
    except Exception as error:  # of many kinds
        # Ray forgets what it has started by then; an agent would outlive its raylet.
        kill_all(set(descendants(os.getpid())) - before)
        if limit.expired():
            late = f"it did not come up within {START_LIMIT_S:.0f} s"
            raise _unusable(address, late if address == LOCAL else NO_HEAD) from error
        words = str(error) or type(error).__name__
        if error.__cause__ is not None:
            words = f"{words}\n{error.__cause__}"
        raise _unusable(address, refusal(words, lines)) from error


def _init(ray: Any, given: Mapping[str, Any]) -> None:
    if not str(given["address"]).startswith(RAYS_SCHEME):  # there, no folder of this machine is
        given = {**given, "job_config": job_of_no_folder()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters is raised
        ray.init(
            **given,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            logging_level=logging.ERROR,
        )


def require_admission(head: str) -> None:
    """Return if a head that can be reached takes this machine's token. Blocks for about a second.

    Raises:
        ConfigError: it does not, or hangs.
    """
    client = getattr(import_module("ray._raylet"), "GcsClient", None)
    if client is None:  # Ray's own refusal has its reason too, after 20 s and in a traceback
        return

    async def ask(thread: RayThread) -> None:
        async with asyncio.timeout(JOIN_LIMIT_S):
            await thread.call(partial(client, address=head))

    try:
        with rays_lines(), contextlib.closing(RayThread()) as thread:
            asyncio.run(ask(thread))
    except TimeoutError:
        raise _unusable(head, NO_HEAD) from None
    except Exception as error:
        why = refusal(str(error))
        if why in {NOT_ADMITTED, NO_HEAD}:
            raise _unusable(head, why) from error


def _head_here() -> str:
    """Return the address of the head that this machine belongs to. Blocks.

    Raises:
        ConfigError: it belongs to none.
    """
    services = import_module("ray._private.services")
    try:
        return str(services.canonicalize_bootstrap_address_or_die(AUTO))
    except Exception as error:
        text = (
            "this machine belongs to no Ray cluster: bulkput fleet host makes it a host of one, "
            "--address names that of others, and --address local starts one for this run"
        )
        raise _unusable(AUTO, text) from error


def _unusable(address: str, why: str) -> ConfigError:
    return ConfigError(
        (Problem("fleet.address", f"{address}: no cluster can be used there: {why}"),)
    )
