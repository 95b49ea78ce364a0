"""Where S3 is, and how it is reached: endpoint, trust and proxy as everywhere else.

The endpoint is S3's own in the Region, or what AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the
profile name: another object store that speaks S3 with conditional writes.
"""

import ssl
from dataclasses import dataclass

from bulkput.ebs.aws_session import new_session
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import Endpoint, parse_endpoint
from bulkput.ebs.http1 import Wire
from bulkput.network.partitions import partition_of
from bulkput.network.proxy import proxy_url

_CONNECTIONS_MAX = 4
"""One upload at a time, beside it a list or a lock; several volumes wait for each other."""

_DEADLINES = Deadlines(connect_s=4.0, no_progress_s=4.0, attempt_s=10.0)
"""S3 answers within a fifth of a second; what does not move is given up early, because an upload
waits for the first answer. What moves is let be: beside an upload that fills a narrow link, a piece
of the ledger takes minutes."""


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
    session = new_session(profile)
    config = session.config
    fips = "-fips" if config.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint") else ""
    is_dual_stack = config.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
    dual_stack = ".dualstack" if is_dual_stack else ""
    return S3Place(
        region=region,
        endpoint_url=config.endpoint_url("s3"),
        host_form=f"s3{fips}{dual_stack}.{{region}}",
        tls=await session.trust.read(),
        allow_insecure_http=allow_insecure_http,
    )
