"""Proxies whose answers never end: to CONNECT, and to a request that they carry."""

import pytest
from support.raw_server import ENDLESS_MAX, RawServer, endless_answers

from bulkput.model.errors import TemporaryError
from bulkput.source.remote.access import Access
from bulkput.source.remote.object import _DELAYS_S

REQUESTS_MAX = 4 * (len(_DELAYS_S) + 1)


@pytest.mark.parametrize("answer", endless_answers())
@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("kind", ["web", "s3"])
def test_they_are_left_after_a_few_turns(opened, monkeypatch, kind, scheme, answer):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"{scheme}://s3.example")
    address = f"{scheme}://disks.example/disk" if kind == "web" else "s3://disks/disk"
    with RawServer(answer) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        with pytest.raises(TemporaryError, match=r"times in a row|cannot be reached") as caught:
            opened(address, access=Access(region="us-east-1", allow_insecure_http=True))
    assert str(caught.value).isprintable()
    assert 0 < proxy.requests <= REQUESTS_MAX
    assert proxy.sent < ENDLESS_MAX
