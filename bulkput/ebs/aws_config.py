"""The shared AWS configuration: environment variables and both files, read as botocore reads them.

Only what every command needs: the profile's values, configured endpoints, and keys that stand there
in plain. botocore itself, whose import and session take 0.3 CPU seconds, is left to what only it
can do: roles, SSO, processes, metadata services.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bulkput.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from bulkput.ebs.metadata_service import MetadataService

_KEY_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"
_TOKENS = ("aws_security_token", "aws_session_token")

_OF_NO_PROVIDER = frozenset(
    {
        *(_KEY_ID, _SECRET, *_TOKENS, "aws_account_id"),
        *("region", "output", "ca_bundle", "endpoint_url", "services", "s3", "cli_pager"),
        *("use_fips_endpoint", "use_dualstack_endpoint", "ignore_configured_endpoint_urls"),
        *("retry_mode", "max_attempts", "sts_regional_endpoints", "defaults_mode", "sdk_ua_app_id"),
    }
)
"""Keys of a profile that name no other source of credentials. With any other key beside them,
known to us or not, botocore's chain decides."""


_NAMES_KEYS = frozenset(
    {
        *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CREDENTIAL_FILE", "BOTO_CONFIG"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    }
)
"""Variables, also empty ones, that make other providers than the keys' own look."""

_BOTO_FILES = ("/etc/boto.cfg", "~/.boto")
"""Of the SDK before botocore, which still reads them."""


class PlainKeys(NamedTuple):
    """Keys as they stand in the environment or in a file; in the form of botocore's providers."""

    access_key: str
    secret_key: str
    token: str | None
    method: str

    async def get_frozen_credentials(self) -> "PlainKeys":
        """Return the keys, which never change by themselves."""
        return self


class AwsConfig:
    """One reading of the configuration; files are read when they are first needed.

    Raises ``ConfigError`` from every method: the profile does not exist, or a file cannot be read.
    """

    def __init__(self, profile: str | None, environ: Mapping[str, str] = os.environ) -> None:
        """Read nothing yet.

        Args:
            profile: Given by the user, who then does not mean the environment's keys; None for
                AWS_DEFAULT_PROFILE, AWS_PROFILE or the default one.
            environ: The environment.
        """
        self._environ = environ
        self._given = profile
        named = (environ.get(name) for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"))
        self._profile = profile or next((each for each in named if each is not None), None)
        self._profiles: dict[str, dict[str, Any]] | None = None
        self._services: dict[str, dict[str, Any]] = {}
        self._credentials: dict[str, dict[str, Any]] = {}

    def values(self) -> Mapping[str, Any]:
        """Return what the profile says, both files together."""
        profiles = self._read()
        if self._profile is None:
            return profiles.get("default", {})
        if self._profile not in profiles:
            raise _problem(f"The config profile ({self._profile}) could not be found")
        return profiles[self._profile]

    def setting(self, variable: str, key: str) -> str | None:
        """Return the environment's ``variable``, else the profile's ``key``."""
        found = self._environ.get(variable)
        if found is None:
            found = self.values().get(key)
        return found if isinstance(found, str) else None

    def flag(self, variable: str, key: str) -> bool:
        """Return whether a setting is ``true``."""
        return (self.setting(variable, key) or "").lower() == "true"

    def endpoint_url(self, service_key: str) -> str | None:
        """Return the URL that was configured for a service, or for all.

        Args:
            service_key: As in ``[services NAME]``: ``ebs``, ``service_quotas``.
        """
        ignored = self.flag(
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"
        )
        if ignored:
            return None
        for variable in (f"AWS_ENDPOINT_URL_{service_key.upper()}", "AWS_ENDPOINT_URL"):
            if found := self._environ.get(variable):
                return found
        values = self.values()
        section = self._services_of(values).get(service_key)
        of_service = section.get("endpoint_url") if isinstance(section, dict) else None
        found = of_service or values.get("endpoint_url")
        return found if isinstance(found, str) else None

    def plain_keys(self) -> PlainKeys | None:
        """Return the keys that botocore's chain would find in plain; None if it has to be asked."""
        environ = self._environ
        if self._given is None and environ.get("AWS_ACCESS_KEY_ID"):
            secret = environ.get("AWS_SECRET_ACCESS_KEY")
            if not secret or environ.get("AWS_CREDENTIAL_EXPIRATION"):
                return None
            token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
            return PlainKeys(environ["AWS_ACCESS_KEY_ID"], secret, token or None, "env")
        is_web_identity = self._given is None and environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        values = self.values()
        if is_web_identity or not _OF_NO_PROVIDER.issuperset(values):
            return None
        name = self._profile or "default"
        of_file = self._credentials.get(name, {})
        method = "shared-credentials-file" if _KEY_ID in of_file else "config-file"
        found = of_file if _KEY_ID in of_file else values
        key_id, secret = found.get(_KEY_ID), found.get(_SECRET)
        if not (isinstance(key_id, str) and isinstance(secret, str) and key_id and secret):
            return None
        token = next((found[each] for each in _TOKENS if each in found), None)
        return PlainKeys(key_id, secret, token, method)

    def may_name_keys(self) -> bool:
        """Return whether anything before the instance's role may give keys in botocore's chain.

        False only where all of that is known to be silent.
        """
        environ = self._environ
        if _NAMES_KEYS & environ.keys() or (
            self._given is None and environ.get("AWS_ACCESS_KEY_ID")
        ):
            return True
        if _KEY_ID in (values := self.values()) or not _OF_NO_PROVIDER.issuperset(values):
            return True
        return any(Path(os.path.expanduser(each)).exists() for each in _BOTO_FILES)  # noqa: PTH111 - see _sections

    def metadata_service(self) -> "MetadataService | None":
        """Return the instance's metadata service as it is configured; None if that is not plain."""
        from bulkput.ebs.metadata_service import (  # noqa: PLC0415 - loads aiohttp, for few
            MetadataService,
        )

        return MetadataService.configured(self._environ, self.values())

    def _services_of(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        name = values.get("services")
        if name is None:
            return {}
        section = self._services.get(name)
        if not section:
            raise _problem(f'the profile names the services section "{name}", which does not exist')
        return section

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._profiles is None:
            environ = self._environ
            profiles, self._services = _by_kind(
                _sections(environ.get("AWS_CONFIG_FILE", "~/.aws/config"))
            )
            path = environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
            self._credentials = _sections(path)
            for name, values in self._credentials.items():
                profiles[name] = {**profiles.get(name, {}), **values}
            self._profiles = profiles
        return self._profiles


def _by_kind(
    sections: Mapping[str, dict[str, Any]],
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the profiles and the sections of services in the configuration file."""
    profiles: dict[str, dict[str, Any]] = {}
    services: dict[str, dict[str, Any]] = {}
    for title, values in sections.items():
        for prefix, kind in (("profile", profiles), ("services", services)):
            if title.startswith(prefix) and (name := _name_in(title)) is not None:
                kind[name] = values
        if title == "default":
            profiles[title] = values
    return profiles, services


def _name_in(title: str) -> str | None:
    import shlex  # noqa: PLC0415 - many machines have no such file

    try:
        parts = shlex.split(title)
    except ValueError:
        return None
    return parts[1] if len(parts) == 2 else None


def _sections(name: str) -> dict[str, dict[str, Any]]:
    """Return the sections of a file; none if it does not exist.

    Raises:
        ConfigError: it cannot be read.
    """
    path = os.path.expanduser(os.path.expandvars(name))  # noqa: PTH111 - raises without a home
    if not Path(path).is_file():
        return {}
    import configparser  # noqa: PLC0415 - many machines have no such file

    parser = configparser.RawConfigParser()
    try:
        parser.read([path])
        return {
            title: {key: _value(parser.get(title, key)) for key in parser.options(title)}
            for title in parser.sections()
        }
    except (configparser.Error, ValueError) as error:
        raise _problem(f"Unable to parse config file: {path}") from error


def _value(text: str) -> str | dict[str, str]:
    """Return a value: a text, or the lines below its key.

    Raises:
        ValueError: a line below has no ``=``.
    """
    if not text.startswith("\n"):
        return text
    pairs = (line.split("=", 1) for line in text.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, value in pairs}


def _problem(what: str) -> ConfigError:
    return ConfigError((Problem("profile", f"expected a profile that exists: {what}"),))
