"""A mistake met before the first answer ends the program soon, in few lines, with a remedy."""

import time

import pytest
from support.connect_proxy import ConnectProxy

LINES_MAX = 10
LIMIT_S = 30.0


def ends_soon(program, source, code, *words):
    began_s = time.monotonic()
    done = program.run("upload", source)
    took_s = time.monotonic() - began_s
    assert done.returncode == code, done.stderr
    assert took_s < LIMIT_S
    lines = done.stderr.splitlines()
    assert len(lines) <= LINES_MAX, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


class Nowhere:
    """Stands for a server at an address."""

    def __init__(self, url):
        self.url = url


@pytest.mark.parametrize(
    ("url", "code", "word"),
    [
        ("https://ebs.eu-wst-1.amazonaws.com", 3, "cannot be resolved"),
        ("https://nowhere.invalid", 3, "AWS_ENDPOINT_URL"),
        ("http://127.0.0.1:9", 5, "127.0.0.1:9"),
    ],
)
def test_a_wrong_address(bulkput, image, url, code, word):
    ends_soon(bulkput(Nowhere(url)), image(2), code, word)


@pytest.mark.parametrize("refuses", [403, 407])
def test_a_proxy_that_refuses(bulkput, image, refuses):
    with ConnectProxy(1, refuses=refuses) as proxy:
        environment = {"HTTPS_PROXY": proxy.url("al:canary")}
        program = bulkput(Nowhere("https://ebs.us-east-1.amazonaws.com"), environment)
        err = ends_soon(program, image(2), 4, str(refuses), "NO_PROXY")
    assert "canary" not in err
    hosts = [target for _, target in proxy.requests]
    assert len(hosts) == 1
