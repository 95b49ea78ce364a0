"""The instance's metadata service: where it is, how it is asked, and plain answers of it.

By IMDSv2 alone, and only where it is configured and answers as documented. Whatever else there is
(IMDSv1, a service that is silent or off, values that mean nothing) is ``MetadataError``, and
botocore's to try: nothing here decides that there are no keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bulkput.ebs.metadata_session import ask_metadata
from bulkput.network.late_trust import aiohttp

_URL_BY_MODE = {"ipv4": "http://169.254.169.254/", "ipv6": "http://[fd00:ec2::254]/"}

_IN_PROFILE = frozenset(
    {
        *("metadata_service_timeout", "metadata_service_num_attempts", "imds_use_ipv6"),
        *("ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode"),
        "ec2_metadata_v1_disabled",
    }
)
"""What botocore reads from the profile too; few profiles have one, and it decides then."""

_TOKEN_LIFE_S = 21_600
"""The longest that IMDSv2 gives, 6 h, as botocore asks for; each reading has a token of its own."""

_TIMES_MAX = 60
"""More seconds, or attempts, than anybody sets; botocore's default is one of each."""


class MetadataError(Exception):
    """The service did not answer as documented; nothing follows from it."""


class SilentError(MetadataError):
    """It took a request for a token and did not answer, as in a container (hop limit 1)."""


@dataclass(frozen=True)
class MetadataService:
    """Where it is, and how patiently it is asked."""

    url: str
    """Ends in a slash."""
    timeout_s: float
    attempts: int

    @classmethod
    def configured(
        cls, environ: Mapping[str, str], profile: Mapping[str, Any]
    ) -> "MetadataService | None":
        """Return what the environment says, as botocore reads it; None where that is not plain.

        Args:
            environ: The environment.
            profile: What the profile says.
        """
        disabled = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        mode = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        if mode is None:
            is_6 = environ.get("AWS_IMDS_USE_IPV6", "").lower() == "true"
            mode = "ipv6" if is_6 else "ipv4"
        url = _URL_BY_MODE.get(mode.lower())
        if given := environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
            url = url and _plain_url(given)
        timeout_s = _times(environ.get("AWS_METADATA_SERVICE_TIMEOUT", "1"))
        attempts = _times(environ.get("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1"))
        if disabled or not (url and timeout_s and attempts) or _IN_PROFILE & profile.keys():
            return None
        return cls(url, float(timeout_s), attempts)

    async def token(self) -> str:
        """Return a token for the next few requests.

        Raises:
            MetadataError: there is none.
        """
        headers = {"x-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_LIFE_S)}
        body = await self._ask("PUT", "latest/api/token", headers)
        if not (body.isascii() and body.isprintable()):
            raise MetadataError("a token that no header can hold")
        return body

    async def get(self, path: str, token: str) -> str:
        """Return what is at ``path``, which begins without a slash; never empty.

        Raises:
            MetadataError: there is nothing.
        """
        return await self._ask("GET", path, {"x-aws-ec2-metadata-token": token})

    async def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> str:
        for _ in range(self.attempts):
            try:
                answer = await ask_metadata(
                    method, f"{self.url}{path}", headers, timeout_s=self.timeout_s
                )
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
                if method == "PUT" and isinstance(error, aiohttp.SocketTimeoutError):
                    raise SilentError("no token within the timeout") from error
                failure: Exception = error
            else:
                if answer.status_code == 200 and answer.body:
                    return answer.body.decode("utf-8", "replace")
                failure = MetadataError(f"HTTP {answer.status_code}")
        raise MetadataError(f"{method} {path}: {type(failure).__name__}: {failure}") from failure


def _plain_url(given: str) -> str | None:
    """Return an http URL with a slash at its end; None for what else it may be."""
    try:
        parts = urlsplit(given)
        is_plain = (
            parts.scheme == "http"
            and parts.hostname
            and (parts.port or 80) > 0
            and "@" not in parts.netloc
            and not (parts.query or parts.fragment)
            and given.isascii()
            and given.isprintable()
            and " " not in given
        )
    except ValueError:
        return None
    return given.rstrip("/") + "/" if is_plain else None


def _times(text: str) -> int:
    """Return a number from 1 to ``_TIMES_MAX``, or 0 for what is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 2
    return int(text) if is_number and int(text) <= _TIMES_MAX else 0
