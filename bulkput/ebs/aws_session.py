"""An AWS session: the configuration, whom to trust, and the credential chain.

What stands in plain in the environment and the shared files is read without botocore; its session
is made when something is asked for that only it knows. Owns how that one is set up.
"""

import logging
from typing import Any

from bulkput.ebs.aws_config import AwsConfig
from bulkput.ebs.learned import Learned
from bulkput.network.tls import Trust, ca_file

_log = logging.getLogger(__name__)


class AwsSession:
    """One reading of the AWS configuration."""

    def __init__(self, profile: str | None, learned: Learned | None = None) -> None:
        self._profile = profile
        self._learned = learned or Learned()
        self._botocore: Any = None
        self.metadata_is_silent = False
        """Whether the instance's metadata service took a request for a token without an answer."""
        self.config = AwsConfig(profile)
        self.config.values()
        self.trust = Trust(ca_file(self.config.setting("AWS_CA_BUNDLE", "ca_bundle")))

    async def get_credentials(self) -> Any:
        """Return what gives the keys, as botocore's session does; None if there are none."""
        return (
            self.config.plain_keys()
            or await self._role()
            or await self.botocore().get_credentials()
        )

    async def _role(self) -> Any:
        """Return the instance's role if nothing else may give keys; None leaves it to botocore."""
        if self.config.may_name_keys() or (service := self.config.metadata_service()) is None:
            return None
        from bulkput.ebs.instance_role import InstanceRole  # noqa: PLC0415 - few have one
        from bulkput.ebs.metadata_service import MetadataError, SilentError  # noqa: PLC0415 - the same

        role = InstanceRole(service)
        try:
            await role.get_frozen_credentials()
        except MetadataError as error:
            self.metadata_is_silent = isinstance(error, SilentError)
            _log.debug("the instance's role is left to botocore: %s", error)
            return None
        return role

    def botocore(self) -> Any:
        """Return aiobotocore's session of the same profile, one for each of these."""
        if self._botocore is None:
            self._botocore = _botocore_session(self, self._profile, self._learned)
        return self._botocore


def new_session(profile: str | None, learned: Learned | None = None) -> AwsSession:
    """Return a session that has asked nobody yet.

    Args:
        profile: Of the shared AWS configuration; None for AWS_PROFILE or the default one.
        learned: Whether the service has ever answered.

    Raises:
        ConfigError: the profile does not exist, or the shared configuration cannot be read.
    """
    return AwsSession(profile, learned)


def _botocore_session(of: AwsSession, profile: str | None, learned: Learned) -> Any:
    # 0.3 s of imports that only a chain of roles, SSO or metadata pays.
    from aiobotocore.config import AioConfig  # noqa: PLC0415
    from aiobotocore.session import AioSession  # noqa: PLC0415

    from bulkput.ebs.control_session import control_session_class  # noqa: PLC0415 - loads aiohttp
    from bulkput.ebs.credential_chain import prepare_chain  # noqa: PLC0415 - the chain's alone
    from bulkput.ebs.deadlines import Deadlines  # noqa: PLC0415 - the same

    class Session(AioSession):  # type: ignore[misc]
        async def get_credentials(self) -> Any:
            prepare_chain(self, is_silent=of.metadata_is_silent)
            return await super().get_credentials()

    session = Session(profile=profile)
    # botocore before 1.40 asks the global STS, whose signatures are of us-east-1.
    session.set_config_variable("sts_regional_endpoints", "regional")
    # Of all clients, STS's and SSO's too, which the chain opens by itself.
    of_all = control_session_class(of.trust.read, Deadlines(), learned)
    session.set_default_client_config(AioConfig(http_session_cls=of_all))
    return session
