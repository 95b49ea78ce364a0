"""What the variables of a proxy may hold, and what is kept of its refusals."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from bulkput.model.errors import ConfigError
from bulkput.network.proxy import proxy_for, proxy_url
from bulkput.network.refusals import Refusals

USER = "al%2Fice:s3cr%40t%20canary"


A, B = "https://a.example/x", "https://b.example/y"


def test_each_host_may_be_forbidden_and_a_password_is_of_all(monkeypatch):
    refusals = Refusals()
    refusals.note(A, 407)
    assert refusals.status_of(A) is None  # there is no proxy
    monkeypatch.setenv("https_proxy", "http://u:p@proxy.example")
    refusals.note(A, 403)
    assert (refusals.status_of(A), refusals.status_of(B)) == (403, None)
    refusals.note(A, 407)
    assert refusals.status_of(B) == 407


def test_another_password_proxy_or_way_is_tried(monkeypatch):
    refusals = Refusals()
    monkeypatch.setenv("https_proxy", "http://u:p@proxy.example")
    refusals.note(A, 407)
    for other in ("http://u:q@proxy.example", "http://proxy.example", "http://u:p@other.example"):
        monkeypatch.setenv("https_proxy", other)
        assert refusals.status_of(A) is None
    monkeypatch.setenv("https_proxy", "http://u:p@proxy.example")
    assert refusals.status_of(A) == 407
    monkeypatch.setenv("no_proxy", "a.example")
    assert (refusals.status_of(A), refusals.status_of(B)) == (None, 407)


def test_a_proxy_is_asked_again_after_ten_minutes_and_not_before(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    clock = SimpleNamespace(monotonic=lambda: clock.now_s, now_s=1000.0)
    monkeypatch.setattr("bulkput.network.refusals.time", clock)
    refusals = Refusals()
    refusals.note(A, 407)
    seen = []
    for clock.now_s in (1599.0, 1601.0):
        seen.append(refusals.status_of(A))
    assert seen == [407, None]


def test_one_thread_asks_and_the_others_wait_for_its_answer(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    refusals, asked, met = Refusals(), [], threading.Event()

    def ask(url):
        with refusals.asking(url) as refused:
            if refused is None:
                asked.append(url)
                met.wait(0.05)  # for as many as will come meanwhile
                refusals.note(url, 407)
                raise LookupError

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask, url) for url in (A, B) * 4]
        assert sum(future.exception() is not None for future in futures) == 1
    assert len(asked) == 1


def test_nobody_waits_for_an_open_way_nor_for_ever(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    monkeypatch.setattr("bulkput.network.refusals.FIRST_ASKER_LIMIT_S", 0.01)
    refusals = Refusals()
    with refusals.asking(A), refusals.asking(A):  # as another thread would
        pass
    monkeypatch.setattr("bulkput.network.refusals.FIRST_ASKER_LIMIT_S", 1000.0)
    with refusals.asking(A), refusals.asking(A):
        pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://proxy.example", "http://proxy.example"),
        ("//proxy.example:3128", "http://proxy.example:3128"),
        ("u:p@proxy.example:3128", "http://u:p@proxy.example:3128"),
        ("https://[fd00::1]:3128", "https://[fd00::1]:3128"),
    ],
)
def test_a_proxy_has_many_spellings(monkeypatch, value, expected):
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert proxy_url("https://example.com/x") == expected
    assert proxy_url("http://example.com/x") is None


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://ebs.example/x", "example"),
        ("https://ebs.example/x", " other, .example"),
        ("https://ebs.example/x", "EBS.example:443"),
        ("https://ebs.example:8443/x", "ebs.example"),
        ("https://[fd00::5]:8443/x", "fd00::5"),
        ("https://[fd00::5]/x", "[fd00::5]"),
        ("https://10.1.2.3/x", "10.1.2.3"),
        ("https://ebs.example/x", "*"),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_a_host_is_named_in_many_ways(monkeypatch, url, named, name):
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv(name, named)
    assert proxy_url(url) is None
    assert proxy_url("https://another.test:444/") == "http://proxy.example:3128" or named == "*"


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy.example:99999",
        "proxy:port",
        "socks5://u:canary@p",
        "http://",
        "[::1",
        "a%3Ab:canary@p",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_is_none_names_its_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name) as caught:
        proxy_url("https://example.com/x")
    assert "canary" not in str(caught.value)


def test_the_password_is_taken_apart(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{USER}@proxy.example:3128/")
    proxy = proxy_for("https://example.com")
    assert proxy.url == "http://proxy.example:3128/"
    assert proxy.authorization == "Basic YWwvaWNlOnMzY3JAdCBjYW5hcnk="


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/x", "http://[fd00:ec2::254]/x", "http://169.254.170.2/x"]
)
def test_metadata_has_no_proxy(monkeypatch, url):
    monkeypatch.setenv("http_proxy", "http://proxy.example")
    assert proxy_url(url) is None
