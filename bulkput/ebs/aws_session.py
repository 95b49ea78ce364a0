"""aiobotocore sessions as every client of this program uses them, the credential chain's own too.

Owns how they read the shared configuration, whom they trust, and which proxy they take.
"""

import functools
from typing import Any

from bulkput.ebs.credential_chain import prepare_chain
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.learned import Learned
from bulkput.model.errors import ConfigError, Problem
from bulkput.network.tls import Trust, ca_file


def new_session(profile: str | None, learned: Learned | None = None) -> Any:
    """Return an aiobotocore session that has asked nobody yet.

    Args:
        profile: Of the shared AWS configuration; None for AWS_PROFILE or the default one.
        learned: Learns of a proxy that refuses.

    Raises:
        ConfigError: the profile does not exist, or the shared configuration cannot be read.
    """
    # 0.3 s of imports that only a command which talks to the service pays.
    from aiobotocore.config import AioConfig  # noqa: PLC0415
    from aiobotocore.session import AioSession  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from bulkput.ebs.control_session import control_session_class  # noqa: PLC0415 - loads aiohttp

    class Session(AioSession):  # type: ignore[misc]
        async def get_credentials(self) -> Any:
            prepare_chain(self)
            return await super().get_credentials()

    session = Session(profile=profile)
    # botocore before 1.40 asks the global STS, whose signatures are of us-east-1.
    session.set_config_variable("sts_regional_endpoints", "regional")
    try:
        session.get_scoped_config()
    except BotoCoreError as error:
        raise ConfigError(
            (Problem("profile", f"expected a profile that exists: {error}"),)
        ) from error
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    # Of all clients, STS's and SSO's too, which the chain opens by itself.
    of_all = control_session_class(trust_of(session).read, Deadlines(), learned or Learned())
    session.set_default_client_config(AioConfig(http_session_cls=of_all))
    return session


def trust_of(session: Any) -> Trust:
    """Return whom the clients of ``session`` trust; one object for each session."""
    trust = getattr(session, "bulkput_trust", None)
    if trust is None:
        trust = session.bulkput_trust = Trust(ca_file(session.get_config_variable("ca_bundle")))
    assert isinstance(trust, Trust)  # noqa: S101 - set above
    return trust


@functools.cache
def _loader(data_path: str | None) -> Any:
    """Return what reads botocore's models, each once a process: EC2's takes 0.1 s and 20 MiB."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - as in new_session

    return create_loader(data_path)
