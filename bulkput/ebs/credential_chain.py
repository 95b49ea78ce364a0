"""What this program changes in aiobotocore's chain of credentials, before it is asked.

Metadata services are reached directly, an MFA code is asked for at a terminal only, and processes
are guarded. All by attributes of the chain's providers: a version that has others keeps its ways.
"""

import getpass
import os
from typing import Any

from bulkput.ebs.credential_process import provider_of, start_credential_process
from bulkput.model.errors import CredentialsError


def prepare_chain(session: Any, *, is_silent: bool = False) -> None:
    """Change the providers of ``session``, which has not been asked for credentials yet.

    Args:
        session: Of aiobotocore.
        is_silent: The instance's metadata service gave no token a moment ago.
    """
    resolver = session.get_component("credential_provider")
    for provider in getattr(resolver, "providers", ()):
        _prepare(provider, is_silent=is_silent)


def reach_directly(fetcher: Any, *, is_silent: bool = False) -> None:
    """Let a fetcher of metadata ask its service and nobody else: no proxy, no redirect's target."""
    from bulkput.ebs.metadata_session import MetadataSession  # noqa: PLC0415 - loads aiohttp

    http_session: Any = getattr(fetcher, "_session", None)
    if hasattr(http_session, "acquire"):
        fetcher._session = MetadataSession(http_session, is_silent=is_silent)  # noqa: SLF001 - no other way


def ask_at_terminal(prompt: str) -> str:
    """Return what somebody types; standard input, which may be the disk, is never read.

    Raises:
        CredentialsError: there is no terminal.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        raise CredentialsError(
            "the profile's role takes a code of an MFA device (mfa_serial), and there is no "
            "terminal to ask for it. Get temporary credentials first, as by `aws configure "
            "export-credentials --format env`, or name a profile without MFA"
        ) from error
    return getpass.getpass(prompt)


def _prepare(provider: Any, *, is_silent: bool) -> None:
    for name in ("_role_fetcher", "_fetcher"):  # the instance's, the container's
        reach_directly(getattr(provider, name, None), is_silent=is_silent)
    if hasattr(provider, "_prompter"):
        provider._prompter = ask_at_terminal  # noqa: SLF001 - the chain offers no other way
    if hasattr(provider, "_popen") and hasattr(provider, "_retrieve_credentials_using"):
        provider._popen = start_credential_process  # noqa: SLF001 - the same
        provider._retrieve_credentials_using = provider_of(  # noqa: SLF001 - the same
            provider._retrieve_credentials_using  # noqa: SLF001 - the same
        )
    builder = getattr(provider, "_profile_provider_builder", None)
    make = getattr(builder, "_create_process_provider", None)
    if builder is not None and make is not None:
        # The profile that another one names as its source has a process of its own.
        def prepared(*arguments: Any, **options: Any) -> Any:
            made = make(*arguments, **options)
            _prepare(made, is_silent=is_silent)
            return made

        builder._create_process_provider = prepared  # noqa: SLF001 - the same
