"""The instance's role is asked without botocore only where botocore's chain would come to it."""

import asyncio
import itertools

import pytest
from aiobotocore.credentials import AioInstanceMetadataProvider
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError

from bulkput.ebs import aws_config
from bulkput.ebs.aws_config import AwsConfig
from bulkput.ebs.metadata_service import MetadataService
from bulkput.model.errors import BulkputError

PROFILES = {
    "none": "",
    "region": "[default]\nregion = eu-west-1\n[profile web]\nregion = eu-west-1\n",
    "keys": "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n[profile web]\n",
    "half": "[default]\naws_access_key_id = AKIAFILE\n[profile web]\naws_secret_access_key = s\n",
    "process": "[default]\ncredential_process = /no/such\n[profile web]\noutput = json\n",
    "role": "[default]\nrole_arn = arn:aws:iam::1:role/r\n"
    "credential_source = Ec2InstanceMetadata\n",
    "sso": "[default]\nsso_account_id = 1\nsso_role_name = r\n[profile web]\nlogin_session = x\n",
    "unknown": "[default]\nof_next_year = x\n[profile web]\nmetadata_service_timeout = 3\n",
}
ENVIRONMENTS = {
    "none": {},
    "keys": {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"},
    "half a key": {"AWS_ACCESS_KEY_ID": "AKIAENV"},
    "a secret alone": {"AWS_SECRET_ACCESS_KEY": "s"},
    "empty keys": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    "profile": {"AWS_PROFILE": "web"},
    "keys and profile": {
        "AWS_ACCESS_KEY_ID": "AKIAENV",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_PROFILE": "web",
    },
    "web identity": {"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such", "AWS_ROLE_ARN": "arn:aws:iam::1:x"},
    "half a web identity": {"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such"},
    "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/"},
    "relative container": {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ""},
    "old file": {"AWS_CREDENTIAL_FILE": "/no/such"},
    "boto": {"BOTO_CONFIG": "/no/such"},
    "off": {"AWS_EC2_METADATA_DISABLED": "TRUE"},
    "off by a word": {"AWS_EC2_METADATA_DISABLED": "yes"},
    "mode": {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"},
    "no mode": {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv5"},
    "version 6": {"AWS_IMDS_USE_IPV6": "True"},
    "endpoint": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[::1]:7/imds"},
    "https endpoint": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "https://metadata.example"},
    "no endpoint": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "nonsense"},
    "endpoint and mode": {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:7/",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv6",
    },
    "patience": {"AWS_METADATA_SERVICE_TIMEOUT": "5", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3"},
    "no number": {"AWS_METADATA_SERVICE_TIMEOUT": "soon"},
    "a fraction": {"AWS_METADATA_SERVICE_TIMEOUT": "0.5"},
    "nothing": {"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "0"},
}


class _ReachedError(Exception):
    """Botocore's chain has come to the instance's role."""


async def theirs(profile, monkeypatch):
    """Return the fetcher that botocore's chain comes to at its end; None if it ends before."""

    async def reached(self):
        if self._role_fetcher._disabled:
            raise BotoCoreError
        raise _ReachedError(self._role_fetcher)

    monkeypatch.setattr(AioInstanceMetadataProvider, "load", reached)
    try:
        await AioSession(profile=profile).get_credentials()
    except _ReachedError as at:
        return at.args[0]
    except Exception:  # noqa: BLE001 - another provider's, of many kinds
        return None
    return None


def ours(profile):
    try:
        config = AwsConfig(profile)
        if config.plain_keys() is not None or config.may_name_keys():
            return None
        return config.metadata_service()
    except BulkputError:
        return None


PLAIN = {"none", "a secret alone", "empty keys", "mode", "version 6", "endpoint", "patience"}
"""Environments in which an instance of a plain configuration must need no botocore."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_role_is_asked_only_where_botocores_chain_comes_to_it(
    monkeypatch, tmp_path, environment
):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in ENVIRONMENTS[environment].items():
        monkeypatch.setenv(name, value)
    for values, profile in itertools.product(PROFILES, (None, "web")):
        (tmp_path / "config").write_text(PROFILES[values])
        found = ours(profile)
        if found is None:
            is_plain = environment in PLAIN and values in {"none", "region"} and profile is None
            assert (values, profile, is_plain) == (values, profile, False)
            continue
        fetcher = asyncio.run(theirs(profile, monkeypatch))
        assert (values, profile, fetcher is not None) == (values, profile, True)
        base = fetcher.get_base_url().rstrip("/") + "/"
        assert found == MetadataService(base, fetcher._timeout, fetcher._num_attempts)


def test_a_file_of_the_sdk_before_is_left_to_botocore(monkeypatch, tmp_path):
    assert not AwsConfig(None).may_name_keys()
    (tmp_path / ".boto").write_text("[Credentials]\naws_access_key_id = A\n")
    monkeypatch.setattr(aws_config, "_BOTO_FILES", ("~/.boto",))
    assert AwsConfig(None).may_name_keys()
