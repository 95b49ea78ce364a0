"""``credential_process`` of a profile: named in what goes wrong, bounded in time, ended with us.

Stands in for ``asyncio.create_subprocess_exec`` beneath aiobotocore's provider.
"""

import asyncio
import contextlib
import logging
import subprocess
import sys
from typing import Any

from bulkput.model.parent import kill_with_descendants

_log = logging.getLogger(__name__)

PROCESS_LIMIT_S = 60.0
"""Long enough for somebody to touch a key or to type a code, for whom nothing else happens."""

_SILENCE_S = 5.0
"""Then it is said what is waited for; a process that asks nobody ends within a second."""

_END_LIMIT_S = 2.0
"""A killed process is gone in milliseconds, unless it hangs in the kernel."""


class ProcessFailure(Exception):  # noqa: N818 - as the chain's own, it becomes an error of ours
    """The process gave nothing; the text names its program, never its arguments."""


async def start_credential_process(*command: str, stdout: int, stderr: int) -> "GuardedProcess":
    """Start ``command``; the disk that standard input may be is not for it to read.

    Raises:
        ProcessFailure: it cannot be started.
    """
    name = f"the credential_process {command[0]!r}" if command else "an empty credential_process"
    stdin = None if sys.stdin is not None and sys.stdin.isatty() else subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=stdout, stderr=stderr
        )
    except (OSError, ValueError, TypeError) as error:
        what = getattr(error, "strerror", None) or "no program is named"
        raise ProcessFailure(f"{name} cannot be started: {what}") from error
    return GuardedProcess(process, name)


class GuardedProcess:
    """What aiobotocore needs of a process."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name

    @property
    def returncode(self) -> int | None:
        """As of the process."""
        return self._process.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Return what it printed; whatever happens, it has ended afterwards.

        Raises:
            ProcessFailure: it took too long.
        """
        waiting = asyncio.get_running_loop().call_later(_SILENCE_S, self._report_waiting)
        try:
            async with asyncio.timeout(PROCESS_LIMIT_S):
                return await self._process.communicate()
        except TimeoutError as error:
            what = f"{self._name} gave no credentials within {PROCESS_LIMIT_S:g} s, and was ended"
            raise ProcessFailure(what) from error
        finally:
            waiting.cancel()
            if self._process.returncode is None:
                kill_with_descendants(self._process.pid)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_END_LIMIT_S):
                        await self._process.wait()

    def _report_waiting(self) -> None:
        _log.warning("waiting for %s, at most %g s", self._name, PROCESS_LIMIT_S)


def provider_of(original: Any) -> Any:
    """Return aiobotocore's method that runs the process, with its failures in our words.

    Args:
        original: The bound method ``_retrieve_credentials_using`` of a provider.
    """
    from botocore.exceptions import CredentialRetrievalError  # noqa: PLC0415 - loaded by now

    async def retrieve(credential_process: str) -> Any:
        program = (credential_process.split() or [""])[0]
        name = f"the credential_process {program!r}"
        try:
            return await original(credential_process)
        except ProcessFailure as error:
            what = str(error)
        except CredentialRetrievalError as error:
            what = f"{name} failed: {error.kwargs.get('error_msg', '')}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Of the output nothing is shown: it may be half of the credentials.
            what = f"{name} printed no credentials in the form that AWS documents"
            raise CredentialRetrievalError(provider="profile", error_msg=what) from error
        raise CredentialRetrievalError(provider="profile", error_msg=what)

    return retrieve
