"""Region, endpoint and proxy: who wins, and what is refused."""

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import create_loader

from bulkput.ebs import service as service_module
from bulkput.ebs.api_client import SERVICES
from bulkput.ebs.aws_session import new_session
from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.endpoint import aws_url, parse_endpoint
from bulkput.ebs.region import resolve_region
from bulkput.ebs.service import open_service
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError
from bulkput.network.proxy import proxy_url

KEYS = Credentials("A", "S")


@pytest.fixture
def profile(tmp_path):
    (tmp_path / "aws-config").write_text(
        "[default]\nregion = eu-south-1\n[profile bare]\noutput = json\n"
        "[profile fips]\nregion = us-east-1\nuse_fips_endpoint = true\n"
        "[profile both]\nregion = us-east-1\nuse_dualstack_endpoint = true\n"
        "[profile services]\nregion = us-east-1\nservices = mine\n"
        "[profile astray]\nregion = us-east-1\nservices = gone\n"
        "[services mine]\nebs =\n  endpoint_url = https://ebs.mine.example\n"
    )


async def test_the_region_is_looked_for_in_order(profile):
    session = new_session(None)
    everything = {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}
    assert await resolve_region(session, "eu-west-1", everything) == "eu-west-1"
    assert await resolve_region(session, None, everything) == "eu-west-2"
    assert await resolve_region(session, None, {"AWS_DEFAULT_REGION": "eu-west-3"}) == "eu-west-3"
    assert await resolve_region(session, None, {}) == "eu-south-1"


async def test_the_instance_is_asked_last(lab, monkeypatch, profile):
    """A scripted instance metadata service answers for Region eu-north-1."""

    async def imds(peer):
        while True:
            request = await peer.request()
            path = request.line.split()[1]
            body = b"tokencanary" if path.endswith("token") else b"eu-north-1b"
            await peer.answer(200, {}, body)

    async with lab.serving(imds) as server:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        assert await resolve_region(new_session("bare"), None, {}) == "eu-north-1"
        assert await resolve_region(new_session(None), None, {}) == "eu-south-1"


async def test_no_region_and_no_regions_name_are_reported():
    with pytest.raises(ConfigError, match="AWS_REGION"):
        await resolve_region(new_session(None), None, {})
    with pytest.raises(ConfigError, match="eu-west-1"):
        await resolve_region(new_session(None), "evil.example/", {})


@pytest.mark.parametrize(
    ("url", "host", "prefix", "is_tls"),
    [
        ("https://ebs.eu-west-1.amazonaws.com", "ebs.eu-west-1.amazonaws.com", "", True),
        ("https://Example.COM:443/", "example.com", "", True),
        ("https://example.com:8443/base/", "example.com:8443", "/base", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "", False),
        ("http://[::1]:80", "[::1]", "", False),
        ("http://localhost", "localhost", "", False),
    ],
)
def test_a_url_has_its_parts(url, host, prefix, is_tls):
    endpoint = parse_endpoint(url, allow_insecure_http=False)
    assert (endpoint.host_header, endpoint.path_prefix, endpoint.is_tls) == (host, prefix, is_tls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https://user:canary@example.com",
        "https://example.com/?x=canary",
        "https://example.com:99999",
        "https://[::1",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(url, allow_insecure_http=False)
    assert "canary" not in str(caught.value)


def test_plain_http_to_another_machine_must_be_wanted():
    assert not parse_endpoint("http://10.0.0.1:80", allow_insecure_http=True).is_tls


def test_only_awss_own_names_are_awss():
    for url, is_aws in (
        ("https://ebs.eu-west-1.amazonaws.com", True),
        ("https://ebs.cn-north-1.amazonaws.com.cn", True),
        ("https://ebs.eu-west-1.api.aws", True),
        ("https://ebs.cn-north-1.api.amazonwebservices.com.cn", True),
        ("https://ebs.eusc-de-east-1.amazonaws.eu", True),
        ("https://ebs.eusc-de-east-1.api.amazonwebservices.eu", True),
        ("https://ebs.us-iso-east-1.c2s.ic.gov", True),
        ("https://ebs.us-isob-east-1.sc2s.sgov.gov", True),
        ("https://ebs.eu-isoe-west-1.cloud.adc-e.uk", True),
        ("https://ebs.us-isof-south-1.csp.hci.ic.gov:443", True),
        ("https://EBS.US-GOV-WEST-1.amazonaws.com", True),
        ("https://evilamazonaws.eu", False),
        ("https://amazonaws.eu.example", False),
        ("https://ebs.eu-west-1.amazonaws.com.evil.example", False),
        ("https://ebs.eu-west-1.amazonaws.com.", True),
        ("https://amazonaws.com.evil:8443", False),
    ):
        assert parse_endpoint(url, allow_insecure_http=False).is_aws is is_aws


async def endpoint_of(**more):
    async with open_service(
        region=more.pop("region", "us-east-1"),
        clock=LoopClock(),
        credentials=StaticCredentials(KEYS),
        **more,
    ) as service:
        return service.endpoint_url, service.control.ec2.endpoint_url


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_awss_own_endpoints_are_those_of_botocores_rules(name):
    loader = create_loader()
    partitions = loader.load_data("partitions")
    rules = loader.load_service_model(name, "endpoint-rule-set-1")
    resolver = EndpointProvider(rules, partitions)
    regions = [each for part in partitions["partitions"] for each in part["regions"]]
    for region in (*regions, "eu-nowhere-9"):
        for is_fips in (False, True):
            for is_dual in (False, True):
                asked = {"Region": region, "UseFIPS": is_fips, "UseDualStack": is_dual}
                if name == "sts":
                    asked["UseGlobalEndpoint"] = False
                ours = aws_url(
                    SERVICES[name].prefix, region, is_fips=is_fips, is_dual_stack=is_dual
                )
                if not region.endswith("-global"):
                    assert ours == resolver.resolve_endpoint(**asked).url


async def test_a_configured_endpoint_wins_as_with_botocore(monkeypatch, profile):
    aws = ("https://ebs.us-east-1.amazonaws.com", "https://ec2.us-east-1.amazonaws.com")
    assert await endpoint_of() == aws
    fips = ("https://ebs-fips.us-east-1.amazonaws.com", "https://ec2-fips.us-east-1.amazonaws.com")
    assert await endpoint_of(profile="fips") == fips
    assert (await endpoint_of(profile="both"))[0] == "https://ebs.us-east-1.api.aws"
    assert await endpoint_of(profile="services") == ("https://ebs.mine.example", aws[1])
    with pytest.raises(ConfigError, match=r'services section "gone"'):
        await endpoint_of(profile="astray")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://all.example")
    assert await endpoint_of() == ("https://all.example", "https://all.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EBS", "https://ebs.example/base")
    assert await endpoint_of() == ("https://ebs.example/base", "https://all.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "https://ec2.example")
    assert await endpoint_of() == ("https://ebs.example/base", "https://ec2.example")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert await endpoint_of() == aws
    given = "https://given.example"
    assert await endpoint_of(endpoint_url=given) == (given, given)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"])
async def test_the_environments_url_is_held_to_the_same_rules(monkeypatch, name):
    monkeypatch.setenv(name, "http://other.example")
    with pytest.raises(ConfigError, match="https"):
        await endpoint_of()


async def test_a_profile_that_does_not_exist_is_reported():
    with pytest.raises(ConfigError, match="nowhere"):
        await endpoint_of(profile="nowhere")


async def test_a_broken_configuration_file_is_reported(tmp_path):
    (tmp_path / "aws-config").write_text("[default\nregion")
    with pytest.raises(ConfigError, match="profile"):
        await endpoint_of()


def test_the_proxy_is_the_environments_as_for_the_aws_cli(monkeypatch):
    url = "https://ebs.us-east-1.amazonaws.com"
    assert proxy_url(url) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_url(url) == "http://proxy.example:3128"
    monkeypatch.setenv("NO_PROXY", ".amazonaws.com")
    assert proxy_url(url) is None
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert proxy_url(url) == "http://proxy.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:canary@proxy.example")
    with pytest.raises(ConfigError) as caught:
        proxy_url(url)
    assert "canary" not in str(caught.value)


def test_a_server_on_this_machine_has_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_url("http://127.0.0.1:80") is None
    assert proxy_url("https://localhost:80") is None


def test_nothing_of_aws_is_imported_with_the_room():
    import subprocess  # noqa: PLC0415 - of this test alone
    import sys  # noqa: PLC0415

    program = (
        "import sys, bulkput.ebs.credentials, bulkput.ebs.classify, bulkput.ebs.snapshot;"
        "print([name for name in ('aiohttp', 'aiobotocore', 'botocore') if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
    assert service_module.open_service
