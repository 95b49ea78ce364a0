"""The service, opened: region, endpoint, credentials and trust found, both planes ready."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from bulkput.ebs.api_client import SERVICES, ApiClient, ApiService
from bulkput.ebs.aws_session import AwsSession, new_session
from bulkput.ebs.control_plane import ControlPlane
from bulkput.ebs.control_session import ControlSession, control_limits
from bulkput.ebs.credentials import ChainCredentials, CredentialSource
from bulkput.ebs.data_plane import DataPlane
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import aws_url, is_loopback_url, parse_endpoint
from bulkput.ebs.learned import Learned
from bulkput.ebs.quotas import (
    GetQuotas,
    OpenClient,
    PutQuotas,
    read_get_quotas,
    read_put_quotas,
)
from bulkput.ebs.region import resolve_region
from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.proxy import proxy_url
from bulkput.network.tls import Trust, no_ca_context

_CLOCK_TOLERANCE_S = 60.0
"""A Date header has whole seconds and travels; signatures may be 5 minutes off (SigV4)."""


class Service(NamedTuple):
    """Both planes of the service in one Region."""

    data: DataPlane
    control: ControlPlane
    region: str
    endpoint_url: str
    is_aws: bool
    """Whether the endpoint is one of AWS's own names."""
    credentials: CredentialSource
    clock: Clock
    open_client: OpenClient
    """Makes clients of other services of the same account, in the same Region or another."""

    async def put_quotas(self) -> PutQuotas:
        """Return what Service Quotas reports; nothing unless the endpoint is AWS's own."""
        return await read_put_quotas(self.open_client) if self.is_aws else PutQuotas(None, None)

    async def get_quotas(self) -> GetQuotas:
        """Return what Service Quotas reports; nothing unless the endpoint is AWS's own."""
        return await read_get_quotas(self.open_client) if self.is_aws else GetQuotas(None, None)

    @property
    def clock_offset_s(self) -> float:
        """What the service's clock is ahead of ours, as far as signatures must know."""
        return self.data.clock_offset_s

    @property
    def has_answered(self) -> bool:
        """Whether EBS or EC2 has answered the run; who gives keys is neither."""
        return self.control.ebs.has_answered or self.control.ec2.has_answered

    def note_answered(self) -> None:
        """Learn that it has answered another process of the run: then an outage may pass."""
        self.data.note_answered()

    def adopt_server_clock(self, server_unix_s: float) -> float:
        """Sign from now on by the service's clock; returns what it is ahead of ours, in s.

        Differences that a signature stands are left alone and returned as zero.
        """
        offset_s = server_unix_s - self.clock.unix_s()
        if abs(offset_s) < _CLOCK_TOLERANCE_S:
            offset_s = 0.0
        self.data.set_clock_offset(offset_s)
        self.control.set_clock_offset(offset_s)
        return offset_s

    async def recover(self, error: ServiceError) -> None:
        """Mend what a refused signature points at, clock and keys; nothing for other failures.

        Raises:
            CredentialsError: there are no new credentials.
            ServiceError: whoever renews them does not answer for now.
        """
        if error.failure is not FailureClass.SIGNATURE:
            return
        if error.server_unix_s is not None:
            self.adopt_server_clock(error.server_unix_s)
        await self.credentials.refresh()


@asynccontextmanager
async def open_service(
    *,
    region: str | None,
    clock: Clock,
    profile: str | None = None,
    endpoint_url: str | None = None,
    allow_insecure_http: bool = False,
    connections_max: int = 512,
    deadlines: Deadlines | None = None,
    credentials: CredentialSource | None = None,
) -> AsyncIterator[Service]:
    """Find everything out and open both planes; close them at the end.

    Args:
        region: Wins over environment, profile and instance.
        clock: For signatures and refreshes.
        profile: Of the shared AWS configuration; None for AWS_PROFILE or the default one.
        endpoint_url: One URL for EBS and EC2; None for AWS's own or that of AWS_ENDPOINT_URL.
        allow_insecure_http: Accept http to other machines.
        connections_max: Puts and gets that may be under way at once.
        deadlines: Limits of an attempt.
        credentials: Instead of the AWS chain: of a rehearsal server, or of another process.

    Raises:
        ConfigError: no Region, an endpoint that cannot be used, an unknown profile.
        CredentialsError: there are none.
    """
    limits = deadlines or Deadlines()
    endpoint_url, is_plain = _checked(endpoint_url, allow_insecure_http=allow_insecure_http)
    learned = Learned()
    session = new_session(profile, learned)
    reading_trust = _start_reading(session.trust, is_plain=is_plain)
    try:
        found_region = learned.region = await resolve_region(session, region)
        source = credentials or ChainCredentials(
            lambda: new_session(profile, learned), clock.monotonic_s
        )
        control_session = ControlSession(session.trust.read, control_limits(limits), learned)
        opener = _ClientOpener(
            session=session,
            region=found_region,
            endpoint_url=endpoint_url,
            allow_insecure_http=allow_insecure_http,
            control_session=control_session,
            learned=learned,
            deadlines=limits,
            credentials=source,
            clock=clock,
        )
        async with (
            control_session,
            _open_planes(opener, reading_trust, connections_max=connections_max) as service,
        ):
            yield service
    finally:
        reading_trust.cancel()
        # Fetched: where the Region or the keys fail first, nobody else does it.
        await asyncio.gather(reading_trust, return_exceptions=True)


@asynccontextmanager
async def _open_planes(
    opener: "_ClientOpener", reading_trust: asyncio.Task[ssl.SSLContext], *, connections_max: int
) -> AsyncIterator[Service]:
    """Open both planes, where and with what ``opener`` makes clients."""
    control = ControlPlane(opener.open_client, learned=opener.learned)
    endpoint = parse_endpoint(control.endpoint_url, allow_insecure_http=opener.allow_insecure_http)
    await opener.credentials.current()
    async with DataPlane(
        endpoint,
        region=opener.region,
        credentials=opener.credentials,
        clock=opener.clock,
        connections_max=connections_max,
        deadlines=opener.deadlines,
        tls=await reading_trust,
        proxy=proxy_url(endpoint.url),
        learned=opener.learned,
    ) as data:
        yield Service(
            data=data,
            control=control,
            region=opener.region,
            endpoint_url=endpoint.url,
            is_aws=endpoint.is_aws,
            credentials=opener.credentials,
            clock=opener.clock,
            open_client=opener.open_client,
        )


def _start_reading(trust: Trust, *, is_plain: bool) -> asyncio.Task[ssl.SSLContext]:
    """Read trust from disk while the Region, the keys and the first client are being found."""
    read_trust = no_ca_context if is_plain else trust.context
    return asyncio.create_task(asyncio.to_thread(read_trust))


def _checked(url: str | None, *, allow_insecure_http: bool) -> tuple[str | None, bool]:
    """Return the URL as it is used, and whether it needs no trust: plain http on this machine."""
    if url is None:
        return None, False
    parsed = parse_endpoint(url, allow_insecure_http=allow_insecure_http)
    return parsed.url, not parsed.is_tls and is_loopback_url(parsed.url)


class _ClientOpener(NamedTuple):
    """Makes the clients of the control plane, all alike."""

    session: AwsSession
    region: str
    endpoint_url: str | None
    allow_insecure_http: bool
    control_session: ControlSession
    learned: Learned
    deadlines: Deadlines
    credentials: CredentialSource
    clock: Clock

    def open_client(self, name: str | ApiService, region: str | None = None) -> ApiClient:
        """Return a client of a service, which may be called as botocore calls it.

        Raises:
            ConfigError: its endpoint cannot be used.
        """
        service = SERVICES[name] if isinstance(name, str) else name
        config, region = self.session.config, region or self.region
        url = self.endpoint_url or config.endpoint_url(service.configured_as)
        url = url or aws_url(
            service.prefix,
            region,
            is_fips=config.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            is_dual_stack=config.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
        )
        # A value of the environment or the profile is held to the same rules as a flag.
        endpoint = parse_endpoint(url, allow_insecure_http=self.allow_insecure_http)
        return ApiClient(
            service,
            endpoint.url,
            region=region,
            session=self.control_session,
            credentials=self.credentials,
            clock=self.clock,
            learned=self.learned,
        )
