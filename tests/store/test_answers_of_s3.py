"""What S3's answers mean, and where its hosts are: pure."""

import asyncio
import time

import pytest

from bulkput.ebs.http_response import HttpResponse
from bulkput.store.address import store_address
from bulkput.store.s3_answers import error_of, other_region, page_of
from bulkput.store.s3_place import find_s3


def refusal(code, message="m"):
    text = f"<Code>{code}</Code><Message>{message}</Message>"
    return f"<?xml version='1.0'?><Error>{text}</Error>".encode()


def answer(status, headers=None, body=b""):
    return HttpResponse(status, headers or {}, body, is_whole=True)


@pytest.mark.parametrize(
    ("found", "region"),
    [
        (answer(301, {"x-amz-bucket-region": "eu-west-1"}), "eu-west-1"),
        (
            answer(
                400,
                {},
                b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region>",
            ),
            "eu-north-1",
        ),
        (answer(301, {"x-amz-bucket-region": "evil.example/#"}), None),
        (answer(301, {"Location": "http://evil.example/"}), None),
        (answer(200, {"x-amz-bucket-region": "eu-west-1"}), None),
    ],
)
def test_only_a_region_leads_elsewhere(found, region):
    assert other_region(found) == region


def test_hosts_are_those_of_the_bucket_in_its_region(monkeypatch):
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    place = asyncio.run(find_s3(region="eu-west-1", profile=None, allow_insecure_http=False))
    assert place.endpoint("eu-west-1", "b")[0].url == "https://b.s3.eu-west-1.amazonaws.com"
    assert place.endpoint("cn-north-1", None)[0].url == "https://s3.cn-north-1.amazonaws.com.cn"
    assert [store_address(text).takes_host_name for text in ("s3://a-b/c", "s3://a.b/c")] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        *(
            b"<ListBucketResult><Contents><Key>a</Key><Size>%s</Size></Contents></ListBucketResult>"
            % size
            for size in (b"-1", b"9" * 5000, "\u0663".encode())
        ),
        b"<ListBucketResult><Contents><Key>%s</Key><Size>1</Size></Contents></ListBucketResult>"
        % (b"a" * 8192),
    ],
)
def test_what_is_no_list_is_refused(body):
    with pytest.raises(ValueError, match=r"list"):
        page_of(body)


def test_foreign_text_in_a_refusal_is_bounded_and_plain():
    body = refusal("\x1b[31mAccessDenied", "<script>" + "x" * 100_000)
    error = error_of("PutObject", answer(403, {}, body), "s3://b/k")
    assert "\x1b" not in str(error)
    assert len(str(error)) < 2000


@pytest.mark.parametrize("item", ["<Contents>", "<Contents><Key>", "<Contents></Content>"])
def test_a_page_of_items_that_do_not_end_costs_no_more_than_its_length(item):
    """Within the bound of an item, each beginning of one was searched for its end: 35 s a page."""
    body = f"<ListBucketResult>{item * 25_000}</ListBucketResult>".encode()
    began_s = time.process_time()
    with pytest.raises(ValueError, match="no object"):
        page_of(body)
    assert time.process_time() - began_s < 0.5


def test_a_character_of_thousands_of_digits_is_none():
    body = refusal(f"&#{'9' * 5000};", f"&#{'9' * 5000};")
    error = error_of("PutObject", answer(403, body=body), "key")
    assert error.code is None
