"""What CopySnapshot takes of another Region is what botocore adds unasked."""

from datetime import datetime
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from bulkput.ebs.account_calls import AccountCalls
from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.model_calls import MODELLED
from bulkput.ebs.presigned_copy import with_presigned_url

WANTED = {
    "SourceRegion": "eu-central-1",
    "SourceSnapshotId": "snap-0123456789abcdef0",
    "Description": "copied by bulkput",
    "Encrypted": True,
    "KmsKeyId": "arn:aws:kms:us-west-2:111122223333:key/1234abcd",
    "TagSpecifications": [
        {"ResourceType": "snapshot", "Tags": [{"Key": "Name", "Value": "a b&c"}]}
    ],
}


def botocores(session_token):
    """Return the fields of the request that botocore would send."""
    sent = []
    client = boto3.client(
        "ec2",
        region_name="us-west-2",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        aws_session_token=session_token,
    )

    def keep(request, **_):
        sent.append(dict(parse_qsl(request.body)))
        return AWSResponse(request.url, 200, {}, Raw())

    client.meta.events.register("before-send.ec2.CopySnapshot", keep)
    client.copy_snapshot(**WANTED)
    return sent[0]


def signed_unix_s(url):
    date = dict(parse_qsl(urlsplit(url).query))["X-Amz-Date"]
    return datetime.strptime(f"{date[:-1]}+0000", "%Y%m%dT%H%M%S%z").timestamp()


class Raw:
    def stream(self, *_):
        yield b"<r><snapshotId>snap-0</snapshotId></r>"


@pytest.mark.parametrize("session_token", [None, "to/ken=="])
def test_the_url_is_that_of_botocore(session_token):
    expected = botocores(session_token)
    made = with_presigned_url(
        WANTED,
        Credentials("AKIAEXAMPLE", "secret", session_token),
        source_url="https://ec2.eu-central-1.amazonaws.com",
        region="us-west-2",
        unix_s=signed_unix_s(expected["PresignedUrl"]),
    )
    request = MODELLED["ec2"].request("https://ec2", "CopySnapshot", made)
    fields = dict(parse_qsl(request.body.decode()))
    ours, theirs = (urlsplit(each.pop("PresignedUrl")) for each in (fields, expected))
    assert fields == expected
    assert ours[:3] == theirs[:3]
    ours_asked, theirs_asked = (dict(parse_qsl(each.query)) for each in (ours, theirs))
    assert ours_asked == theirs_asked


async def test_the_url_is_signed_by_the_services_clock():
    sent = {}

    class Client:
        endpoint_url = "https://ec2.eu-central-1.amazonaws.com"

        def set_clock_offset(self, offset_s):
            sent["offset_s"] = offset_s

        async def call(self, _, parameters, **__):
            sent.update(parameters)
            return {}

    service = SimpleNamespace(
        open_client=lambda *_: Client(),
        clock=SimpleNamespace(unix_s=lambda: 1_000_000_000.0),
        clock_offset_s=86_400.0,
        credentials=StaticCredentials(Credentials("AKIAEXAMPLE", "secret")),
    )
    await AccountCalls(service).call("CopySnapshot", WANTED, region="us-west-2")
    assert signed_unix_s(sent["PresignedUrl"]) == 1_000_086_400.0
    assert sent["offset_s"] == 86_400.0
