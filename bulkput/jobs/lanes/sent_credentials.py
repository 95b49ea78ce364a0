"""A lane's credentials: what its job sends. A lane asks no metadata service, process or role."""

import asyncio
import copy
from collections.abc import Callable

from bulkput.ebs.credentials import Credentials
from bulkput.jobs.lanes.protocol import Keys, KeysRefreshed


class SentCredentials:
    """The ``CredentialSource`` of a lane."""

    def __init__(self, keys: Keys, ask: Callable[[], None]) -> None:
        """Begin with ``keys``; ``ask`` has the job get new ones, which ``refreshed`` ends."""
        self._credentials: Credentials | None = None
        self._error: Exception | None = None
        self._ask = ask
        self._refreshing: asyncio.Future[KeysRefreshed] | None = None
        self.adopt(keys)

    def adopt(self, keys: Keys) -> None:
        """Sign with these from now on, or fail as the job's own calls do."""
        self._credentials, self._error = keys.credentials, keys.error

    def refreshed(self, answer: KeysRefreshed) -> None:
        """Learn how it ended; new keys were adopted before."""
        if self._refreshing is not None and not self._refreshing.done():
            self._refreshing.set_result(answer)

    async def current(self) -> Credentials:
        if self._credentials is None:
            assert self._error is not None  # noqa: S101 - the one or the other is sent
            raise copy.copy(self._error)  # each put has a traceback of its own
        return self._credentials

    async def refresh(self) -> None:
        """Have the job get new ones: all that are refused at the same time wait for one answer."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_future()
            self._ask()
        answer = await asyncio.shield(self._refreshing)
        if answer.error is not None:
            raise copy.copy(answer.error)
