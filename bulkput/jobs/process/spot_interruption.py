"""The spot notice: EC2 announces two minutes ahead that it takes the instance back.

Polls IMDSv2 every 5 s, as AWS recommends, on EC2 only. Anything but a clear notice is no notice:
a metadata service that does not answer must never end an upload.
"""

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bulkput.model.clock import Clock
from bulkput.model.errors import TemporaryError
from bulkput.network.late_trust import aiohttp
from bulkput.pipeline.cause import first_cause

T = TypeVar("T")

POLL_S = 5.0
"""AWS's recommendation for spot/instance-action."""

_TOKEN_LIFE_S = 21_600
"""The longest that IMDSv2 gives, 6 h; a refused token is asked for anew before."""

_REQUEST_LIMIT_S = 2.0
"""The metadata service is on the host and answers within milliseconds."""

_NOTICE_MAX_BYTES = 4096
"""A notice has 60 bytes, a token 56."""

_IMDS_URL = "http://169.254.169.254"
_MARKS = (
    (Path("/sys/class/dmi/id/sys_vendor"), "Amazon EC2"),
    (Path("/sys/hypervisor/uuid"), "ec2"),
)
"""Files that everybody may read, and how they begin on EC2: Nitro and bare metal, then Xen (T2, M4,
C4 and older), where the vendor is Xen. As AWS's "Detect whether a host is an EC2 instance" has it.
"""


def metadata_url(
    environ: Mapping[str, str], marks: Iterable[tuple[Path, str]] = _MARKS
) -> str | None:
    """Return where the instance's metadata is; None off EC2 and where it is switched off.

    The variables are those of the AWS SDKs; an endpoint that is set is used anywhere.
    """
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    given = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if given:
        return given.rstrip("/")
    return _IMDS_URL if any(_begins(path, mark) for path, mark in marks) else None


def _begins(path: Path, mark: str) -> bool:
    try:
        return path.read_text(encoding="utf-8", errors="replace").startswith(mark)
    except OSError:
        return False


class SpotWatch:
    """Asks for the notice until it is there."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._token: str | None = None

    async def run(self, on_notice: Callable[[], None]) -> None:
        """Poll until EC2 announces the instance's end; ends only by that or by cancellation.

        Args:
            on_notice: Called when the notice is there.

        Raises:
            TemporaryError: the notice is there.
        """
        timeout = aiohttp.ClientTimeout(total=_REQUEST_LIMIT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                notice = await self._notice(session)
                if notice is not None:
                    on_notice()
                    raise TemporaryError(
                        f"EC2 reclaims this spot instance: {notice}. The state is kept: the "
                        "same command resumes where the state folder is, and on any machine if "
                        "there is a state store"
                    )
                await self._clock.sleep(POLL_S)

    async def _notice(self, session: aiohttp.ClientSession) -> str | None:
        try:
            if self._token is None:
                self._token = await self._new_token(session)
            async with session.get(
                f"{self._url}/latest/meta-data/spot/instance-action",
                headers={"X-aws-ec2-metadata-token": self._token},
            ) as answer:
                if answer.status == 200:
                    return _described(json.loads(await _body(answer)))
                if answer.status == 401:
                    self._token = None
        except Exception:  # noqa: BLE001 - whatever it answers, a notice is optional
            self._token = None
        return None

    async def _new_token(self, session: aiohttp.ClientSession) -> str:
        async with session.put(
            f"{self._url}/latest/api/token",
            headers={"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_LIFE_S)},
        ) as answer:
            answer.raise_for_status()
            return (await _body(answer)).decode("ascii").strip()


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body, or as much of it as any notice has."""
    body = b""
    while len(body) < _NOTICE_MAX_BYTES:
        piece = await answer.content.read(_NOTICE_MAX_BYTES - len(body))
        if not piece:
            break
        body += piece
    return body


def _described(notice: object) -> str | None:
    """Return ``terminate at TIME`` for a well-formed notice."""
    if not isinstance(notice, dict) or "action" not in notice:
        return None
    return f"{notice['action']} at {notice.get('time', 'once')}"


async def until_notice(
    clock: Clock, work: Coroutine[Any, Any, T], on_notice: Callable[[], None]
) -> T:
    """Return what ``work`` returns, unless EC2 takes the instance back meanwhile.

    Args:
        clock: For the polls.
        work: Is cancelled by the notice.
        on_notice: Called before that.

    Raises:
        TemporaryError: the notice is there; ``work`` was cancelled and has ended.
        BaseException: as ``work``, the one that explains its end best.
    """
    watch = spot_watch(clock)
    try:
        async with asyncio.TaskGroup() as group:
            watching = None if watch is None else group.create_task(watch.run(on_notice))
            task = group.create_task(work)
            await asyncio.wait([task])
            if watching is not None:
                watching.cancel()
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    return task.result()


def spot_watch(clock: Clock) -> SpotWatch | None:
    """Return a watch for this instance, or None where there is nothing to watch."""
    url = metadata_url(os.environ)
    return None if url is None else SpotWatch(url, clock)
