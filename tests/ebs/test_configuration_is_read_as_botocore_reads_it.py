"""The shared configuration, beside what botocore makes of the same files and variables."""

import itertools

import botocore.session
import pytest
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import BotoCoreError

from bulkput.ebs.aws_config import AwsConfig
from bulkput.ebs.aws_session import new_session
from bulkput.model.errors import BulkputError, ConfigError

KEYS = "aws_access_key_id = AKIA{0}\naws_secret_access_key = secret{0}\n"

CONFIGS = {
    "none": None,
    "empty": "",
    "plain": f"[default]\nregion = eu-west-1\n{KEYS.format('CONFIG')}",
    "named": "[profile web]\nregion=eu-west-2\nca_bundle = ~/ca.pem\n"
    "use_fips_endpoint = TRUE\noutput = json\n[default]\nregion = us-east-1\n",
    "quoted": '[profile "web"]\nregion = eu-west-3\n[profilex web]\nregion = no\n[web]\na = b',
    "nested": "[profile web]\nregion = eu-west-1\nservices = mine\ns3 =\n  style = path\n"
    "endpoint_url = https://all.example\n"
    "[services mine]\nebs =\n  endpoint_url = https://ebs.example\nec2 =\n  x = y\n",
    "role": "[profile web]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\n"
    f"{KEYS.format('BESIDE')}[default]\n{KEYS.format('SOURCE')}",
    "process": "[default]\ncredential_process = /no/such\n",
    "comments": "# one\n[default]\n; two\nregion = eu-west-1 ; kept\nempty =\n",
    "broken": "[default\nregion",
    "doubled": "[default]\nregion = a\nregion = b\n",
    "half nested": "[default]\ns3 =\n  no equals sign\n",
}
CREDENTIALS = {
    "none": None,
    "plain": f"[default]\n{KEYS.format('FILE')}aws_session_token = t\n",
    "named": f"[web]\n{KEYS.format('WEB')}aws_security_token = old\naws_session_token = new\n",
    "half": "[default]\naws_access_key_id = AKIAHALF\n",
    "region": f"[web]\nregion = ap-south-1\n[default]\n{KEYS.format('FILE')}",
}
ENVIRONMENTS = {
    "none": {},
    "keys": {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"},
    "tokens": {
        "AWS_ACCESS_KEY_ID": "AKIAENV",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "new",
        "AWS_SECURITY_TOKEN": "old",
    },
    "profile": {"AWS_PROFILE": "web"},
    "profiles": {"AWS_PROFILE": "web", "AWS_DEFAULT_PROFILE": "default", "AWS_CA_BUNDLE": "/ca"},
    "urls": {"AWS_ENDPOINT_URL": "https://env.example", "AWS_ENDPOINT_URL_EC2": ""},
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    def written(config, credentials, environment):
        for name, content in (("CONFIG", config), ("SHARED_CREDENTIALS", credentials)):
            path = tmp_path / name
            if content is not None:
                path.write_text(content)
            monkeypatch.setenv(f"AWS_{name}_FILE", str(path))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return written


def outcome(ask):
    try:
        return ask()
    except (BotoCoreError, BulkputError):
        return "refused"


def theirs(session):
    scoped = session.get_scoped_config()
    urls = [
        ConfiguredEndpointProvider(session.full_config, scoped, each).provide()
        for each in ("ebs", "ec2", "service-quotas")
    ]
    return (
        scoped,
        session.get_config_variable("ca_bundle"),
        session.get_config_variable("use_fips_endpoint") or False,
        urls,
    )


def ours(profile):
    config = AwsConfig(profile)
    return (
        config.values(),
        config.setting("AWS_CA_BUNDLE", "ca_bundle"),
        config.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
        [config.endpoint_url(each) for each in ("ebs", "ec2", "service_quotas")],
    )


CASES = [
    *itertools.product(CONFIGS, ("none", "plain")),
    *itertools.product(("none", "named"), ("named", "half", "region")),
]


@pytest.mark.parametrize(
    ("environment", "profile"),
    [
        ("none", None),
        ("none", "web"),
        ("none", "missing"),
        ("keys", None),
        ("tokens", None),
        ("tokens", "web"),
        ("profile", None),
        ("profiles", None),
        ("profiles", "default"),
        ("urls", "web"),
    ],
)
def test_every_file_is(write, monkeypatch, tmp_path, environment, profile):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for case in CASES:
        for each in tmp_path.iterdir():
            each.unlink()
        write(CONFIGS[case[0]], CREDENTIALS[case[1]], ENVIRONMENTS[environment])
        session = botocore.session.Session(include_builtin_handlers=False, profile=profile)
        found = outcome(lambda: ours(profile))
        assert (case, found) == (case, outcome(lambda: theirs(session)))  # noqa: B023 - called here
        keys = None if found == "refused" else AwsConfig(profile).plain_keys()
        if keys is not None:
            theirs_too = session.get_credentials()
            expected = (theirs_too.method, *theirs_too.get_frozen_credentials()[:3])
            assert (case, keys.method, *keys[:3]) == (case, *expected)


@pytest.mark.parametrize(
    "values",
    [
        "role_arn = arn:aws:iam::1:role/r\nsource_profile = default\n",
        "credential_process = /no/such\n",
        "sso_session = mine\nsso_account_id = 1\nsso_role_name = r\n",
        "web_identity_token_file = /no/such\nrole_arn = arn:aws:iam::1:role/r\n",
        "login_session = arn:aws:iam::1:user/u\n",
        "a_key_of_next_year = x\n",
    ],
)
def test_whatever_may_name_another_source_is_left_to_the_chain(write, values):
    write(f"[default]\n{values}{KEYS.format('BESIDE')}", None, {})
    assert AwsConfig(None).plain_keys() is None


def test_a_web_identity_of_the_environment_is_left_to_the_chain(write):
    write(None, CREDENTIALS["plain"], {"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such"})
    assert AwsConfig(None).plain_keys() is None
    assert AwsConfig("default").plain_keys().access_key == "AKIAFILE"


@pytest.mark.parametrize(
    "more", [{"AWS_SECRET_ACCESS_KEY": ""}, {"AWS_CREDENTIAL_EXPIRATION": "2099-01-01T00:00:00Z"}]
)
def test_keys_that_end_and_half_keys_are_left_to_the_chain(write, more):
    write(None, None, {**ENVIRONMENTS["keys"], **more})
    assert AwsConfig(None).plain_keys() is None


def test_a_profile_that_was_given_is_meant_before_the_environments_keys(write):
    write(None, CREDENTIALS["named"], ENVIRONMENTS["keys"])
    assert AwsConfig("web").plain_keys().access_key == "AKIAWEB"
    assert AwsConfig(None).plain_keys().access_key == "AKIAENV"


async def test_a_session_gives_plain_keys_without_botocore(write):
    write(None, CREDENTIALS["plain"], {})
    session = new_session(None)
    frozen = await (await session.get_credentials()).get_frozen_credentials()
    assert (frozen.access_key, frozen.token) == ("AKIAFILE", "t")
    assert session._botocore is None


def test_a_broken_file_names_itself(write, tmp_path):
    write(CONFIGS["broken"], None, {})
    with pytest.raises(ConfigError, match=f"Unable to parse config file: {tmp_path}"):
        new_session(None)
