"""Credentials from the AWS chain, read again for every signature.

Owns the hand-over from aiobotocore's chain (environment, profile, SSO, web identity, container,
IMDSv2) and what happens when a refresh fails. Knows no request. Nothing here ever prints a secret.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bulkput.ebs.metadata import explain_metadata
from bulkput.model.errors import ConfigError, CredentialsError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.causes import causes
from bulkput.network.words import plain_words

_CHAIN = (
    "the environment, the profile in the shared configuration, SSO, web identity, the container's "
    "and the instance's role"
)

_REFRESH_AGAIN_S = 10.0
"""After a failed refresh the old credentials are used this long before the next try: minutes
remain (botocore begins 15 before the end), and IMDS takes seconds to not answer."""

_REFRESH_QUIET_S = 5.0
"""Refused puts come in crowds, all signed with the same keys: one refresh answers them all."""

_PERMANENT = frozenset(
    {
        "ConfigNotFound",
        "ConfigParseError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "LoginRefreshRequired",
        "PartialCredentialsError",
        "ProfileNotFound",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "UnknownCredentialError",
    }
)
"""botocore's exceptions that no waiting mends; all others may be a network that comes back."""


@dataclass(frozen=True, eq=False)
class Credentials:
    """One set of keys. Compared by identity: a refresh makes a new object."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class CredentialSource(Protocol):
    """Where the current credentials come from."""

    async def current(self) -> Credentials:
        """Return credentials that are valid now; the same object until they change.

        Raises:
            CredentialsError: there are none, or they cannot be renewed.
            ServiceError: they expired, and whoever renews them does not answer for now.
        """
        ...

    async def refresh(self) -> None:
        """Get new credentials, because the service refused the current ones.

        Raises:
            CredentialsError: there are none, or they cannot be renewed.
            ServiceError: whoever renews them does not answer for now.
        """
        ...


class StaticCredentials:
    """Credentials that never change: of a rehearsal server."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def current(self) -> Credentials:
        return self._credentials

    async def refresh(self) -> None:
        """Do nothing: there is nothing newer."""


class ChainCredentials:
    """The credentials that the AWS chain gives.

    Its providers know when a refresh is due; this adds that one refresh runs at a time, and that
    a failed one is no failure while the old keys are valid.
    """

    def __init__(self, new_session: Callable[[], Any], monotonic_s: Callable[[], float]) -> None:
        """Read nothing yet.

        Args:
            new_session: Makes an aiobotocore session; each one walks the chain anew.
            monotonic_s: The clock.
        """
        self._new_session = new_session
        self._monotonic_s = monotonic_s
        self._provider: Any = None
        self._credentials: Credentials | None = None
        self._lock = asyncio.Lock()
        self._failed_until_s = float("-inf")
        self._quiet_until_s = float("-inf")

    async def current(self) -> Credentials:
        known = self._credentials
        if known is not None:
            if not _ends_within(self._provider, None):
                # The way of all but a few puts a day; it never waits.
                return self._adopt(await self._provider.get_frozen_credentials())
            if self._monotonic_s() < self._failed_until_s and not _ends_within(self._provider, 0):
                return known
        async with self._lock:
            return await self._read()

    async def refresh(self) -> None:
        async with self._lock:
            if self._monotonic_s() < self._quiet_until_s:
                return
            await self._read(anew=True)
            self._quiet_until_s = self._monotonic_s() + _REFRESH_QUIET_S

    async def _read(self, *, anew: bool = False) -> Credentials:
        provider = self._provider
        if (
            provider is not None
            and self._monotonic_s() < self._failed_until_s
            and not _ends_within(provider, 0)
            and self._credentials is not None
        ):
            return self._credentials  # whoever held the lock before has just failed
        try:
            if provider is None or anew:
                provider = await self._new_session().get_credentials()
            frozen = None if provider is None else await provider.get_frozen_credentials()
        except Exception as error:
            known = self._credentials
            if known is not None and not anew and not _ends_within(self._provider, 0):
                self._failed_until_s = self._monotonic_s() + _REFRESH_AGAIN_S
                return known
            raise self._translated(error, provider) from error
        if frozen is None:
            trouble = await explain_metadata()
            raise CredentialsError(
                f"no credentials were found; tried {_CHAIN}{trouble and f': {trouble}'}. Set them "
                "(`aws configure`, `aws sso login`) or give the instance a role"
            )
        self._provider = provider
        self._failed_until_s = float("-inf")
        return self._adopt(frozen)

    def _adopt(self, frozen: Any) -> Credentials:
        known = self._credentials
        if (
            known is not None
            and known.secret_key == frozen.secret_key
            and known.access_key == frozen.access_key
            and known.session_token == (frozen.token or None)
        ):
            return known
        if not frozen.access_key or not frozen.secret_key:
            raise CredentialsError("the credentials found are incomplete: a key is empty")
        token = frozen.token or ""
        if not (frozen.access_key.isprintable() and token.isprintable()):
            # Both are sent in headers, where a line end would begin another header.
            raise CredentialsError("the credentials found hold control characters")
        self._credentials = Credentials(frozen.access_key, frozen.secret_key, token or None)
        return self._credentials

    def _translated(
        self, error: Exception, provider: Any
    ) -> CredentialsError | ServiceError | ConfigError:
        for each in causes(error):
            outage = getattr(each, "outage", None)  # of this program's own HTTP session
            if isinstance(outage, ServiceError) and outage.failure is FailureClass.PROXY_REFUSED:
                outage.operation = "GetCredentials"
                return outage
            if isinstance(outage, ConfigError):
                return outage
            if isinstance(each, CredentialsError | ConfigError):
                return each
        method = getattr(provider, "method", None)
        origin = f"from {method}" if method else f"(tried {_CHAIN})"
        what = f"{type(error).__name__}: {plain_words(str(error))}"
        names = {base.__name__ for base in type(error).__mro__}
        refused = "ClientError" in names and _http_status(error) in range(400, 500)
        if self._credentials is None or names & _PERMANENT or refused:
            return CredentialsError(
                f"credentials {origin} could not be obtained: {what}. Renew them (`aws sso login`, "
                "the role, or the profile) and run the same command again"
            )
        return ServiceError(
            "GetCredentials",
            FailureClass.TRANSIENT,
            f"credentials {origin} expired and cannot be renewed for now: {what}",
            advice="This may pass: running the same command again resumes",
        )


def _ends_within(provider: Any, margin_s: int | None) -> bool:
    """Return whether the credentials end within ``margin_s`` (None: the chain's own margin)."""
    refresh_needed = getattr(provider, "refresh_needed", None)
    if refresh_needed is None:
        return False
    return bool(refresh_needed() if margin_s is None else refresh_needed(margin_s))


def _http_status(error: Exception) -> int:
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status if isinstance(status, int) else 0
