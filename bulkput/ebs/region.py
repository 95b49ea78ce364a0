"""Which Region: given by the caller, else AWS_REGION, AWS_DEFAULT_REGION, profile, instance.

Owns the order. botocore itself ignores AWS_REGION, which every other AWS SDK reads.
"""

import os
import re
from collections.abc import Mapping

from bulkput.ebs.aws_session import AwsSession
from bulkput.ebs.metadata import explain_metadata
from bulkput.model.errors import ConfigError, Problem

_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A host label: the Region becomes part of the endpoint's name."""


async def resolve_region(
    session: AwsSession, given: str | None, environ: Mapping[str, str] = os.environ
) -> str:
    """Return the Region to work in.

    Args:
        session: With the profile set.
        given: From a flag or the configuration; wins.
        environ: The environment.

    Raises:
        ConfigError: none was found anywhere, or it is no Region's name.
    """
    region = (
        given
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or _of_profile(session)
        or await _of_instance(session)
    )
    if not region:
        expected = (
            "expected a Region: give --region, set `region` in the configuration, AWS_REGION, "
            "AWS_DEFAULT_REGION, or `region` in the AWS profile"
        )
        if trouble := await explain_metadata():
            expected += f" ({trouble})"
        raise ConfigError((Problem("region", expected),))
    if _REGION.fullmatch(region) is None:
        raise ConfigError((Problem("region", "expected a Region's name, such as eu-west-1"),))
    return region


def _of_profile(session: AwsSession) -> str | None:
    value = session.config.values().get("region")
    return value if isinstance(value, str) else None


async def _of_instance(session: AwsSession) -> str | None:
    """Ask IMDSv2 where this instance is; None elsewhere, and where IMDS is switched off."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    if (service := session.config.metadata_service()) is not None:
        from bulkput.ebs.instance_role import instance_region  # noqa: PLC0415 - rarely needed
        from bulkput.ebs.metadata_service import MetadataError, SilentError  # noqa: PLC0415 - same

        try:
            return await instance_region(service)
        except MetadataError as error:
            session.metadata_is_silent = isinstance(error, SilentError)
    from aiobotocore.utils import AioIMDSRegionProvider  # noqa: PLC0415 - rarely needed

    from bulkput.ebs.credential_chain import reach_directly  # noqa: PLC0415 - the same

    provider = AioIMDSRegionProvider(session.botocore())
    get_fetcher = getattr(provider, "_get_fetcher", None)
    if get_fetcher is not None:
        reach_directly(get_fetcher(), is_silent=session.metadata_is_silent)
    region = await provider.provide()
    return region if isinstance(region, str) and region else None
