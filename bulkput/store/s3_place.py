"""Where S3 is, and how it is reached: endpoint, trust and proxy as everywhere else.

The endpoint is S3's own in the Region, or what AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the
profile name: another object store that speaks S3 with conditional writes. Loads botocore.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass
from typing import Any

from bulkput.ebs.aws_session import new_session, trust_of
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import Endpoint, parse_endpoint
from bulkput.ebs.http1 import Wire
from bulkput.ebs.partitions import partition_of
from bulkput.network.proxy import proxy_url

_CONNECTIONS_MAX = 4
"""One upload at a time, beside it a list or a lock; several volumes wait for each other."""

_DEADLINES = Deadlines(attempt_s=5000.0)
"""A call has a limit of its own, by its bytes; what does not move is given up after 12 s."""


@dataclass(frozen=True)
class S3Place:
    """How S3 is reached from here."""

    region: str
    """Where the bucket is looked for first; S3 says if it is elsewhere."""
    endpoint_url: str | None
    """None is S3's own, by the Region."""
    host_form: str
    """As ``s3.{region}``, of S3's own hosts."""
    tls: ssl.SSLContext
    allow_insecure_http: bool

    def endpoint(self, region: str, bucket: str | None) -> tuple[Endpoint, bool]:
        """Return where requests go, and whether the host's name has the bucket.

        Args:
            region: Of the bucket.
            bucket: None if it cannot be part of a host's name.

        Raises:
            ConfigError: the endpoint that was named cannot be used.
        """
        if self.endpoint_url is not None:  # few others have a name for each bucket
            insecure = self.allow_insecure_http
            return parse_endpoint(self.endpoint_url, allow_insecure_http=insecure), False
        host = f"{self.host_form.format(region=region)}.{partition_of(region).suffixes[0]}"
        url = f"https://{host}" if bucket is None else f"https://{bucket}.{host}"
        return parse_endpoint(url, allow_insecure_http=False), bucket is not None

    def wire(self, endpoint: Endpoint) -> Wire:
        """Return connections to ``endpoint``, not opened yet."""
        return Wire(
            endpoint,
            connections_max=_CONNECTIONS_MAX,
            deadlines=_DEADLINES,
            tls=self.tls if endpoint.is_tls else None,
            proxy=proxy_url(endpoint.url),
        )


async def find_s3(*, region: str, profile: str | None, allow_insecure_http: bool) -> S3Place:
    """Return how S3 is reached by environment and profile.

    Raises:
        ConfigError: the profile, the endpoint or the authorities cannot be used.
    """
    session = await asyncio.to_thread(new_session, profile)
    is_ignored = session.get_config_variable("ignore_configured_endpoint_urls")
    fips = "-fips" if session.get_config_variable("use_fips_endpoint") else ""
    dual = ".dualstack" if session.get_config_variable("use_dualstack_endpoint") else ""
    return S3Place(
        region=region,
        endpoint_url=None if is_ignored else _configured(session),
        host_form=f"s3{fips}{dual}.{{region}}",
        tls=await trust_of(session).read(),
        allow_insecure_http=allow_insecure_http,
    )


def _configured(session: Any) -> str | None:
    """Return the endpoint that environment or profile name, in the order of the AWS SDKs."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return os.environ[name]
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    found = services.get("s3", {}).get("endpoint_url") or profile.get("endpoint_url")
    return found if isinstance(found, str) else None
