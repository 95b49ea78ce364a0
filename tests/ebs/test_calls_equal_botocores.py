"""Requests and answers of the calls around the blocks, beside what botocore makes of the same."""

import json
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import botocore.session
import pytest
from botocore import UNSIGNED, xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from multidict import CIMultiDict

from bulkput.ebs.api_client import SERVICES
from bulkput.ebs.ec2_form import pending_snapshots
from bulkput.ebs.http_response import HttpResponse
from bulkput.ebs.json_calls import ebs_answer
from bulkput.ebs.query_calls import UnreadableXmlError
from bulkput.ebs.snapshot import StartRequest

URL = "https://service.example"
SNAPSHOT = "snap-0123456789abcdef0"
FULL_START = StartRequest(
    64,
    "token",
    description="a disk; 100% & more \u00e4",
    tags={"Name": "web=1", "bulkput:upload": "x y"},
    parent_snapshot_id=SNAPSHOT,
    encrypted=False,
    kms_key_arn="arn:aws:kms:eu-west-1:111122223333:key/k",
    timeout_min=60,
)
SEAL = {
    "SnapshotId": SNAPSHOT,
    "ChangedBlocksCount": 7,
    "Checksum": "Qib0wLZSCPxxAsnoZ1mqGTwYYUfxBvjcHbuEUOOwNdw=",
    "ChecksumAlgorithm": "SHA256",
    "ChecksumAggregationMethod": "LINEAR",
}
PAGE = {"NextToken": "a+/=b c", "MaxResults": 10_000, "StartingBlockIndex": 3}

CALLS = [
    ("ebs", "StartSnapshot", StartRequest(1, "token").parameters()),
    ("ebs", "StartSnapshot", FULL_START.parameters()),
    ("ebs", "CompleteSnapshot", SEAL),
    ("ebs", "ListSnapshotBlocks", {"SnapshotId": SNAPSHOT}),
    ("ebs", "ListSnapshotBlocks", {"SnapshotId": SNAPSHOT, **PAGE}),
    ("ebs", "ListChangedBlocks", {"SecondSnapshotId": SNAPSHOT}),
    ("ebs", "ListChangedBlocks", {"SecondSnapshotId": SNAPSHOT, "FirstSnapshotId": "s", **PAGE}),
    ("ec2", "DescribeSnapshots", {"SnapshotIds": [SNAPSHOT]}),
    ("ec2", "DescribeSnapshots", pending_snapshots("bulkput", "a+/=b c")),
    ("ec2", "DeleteSnapshot", {"SnapshotId": SNAPSHOT, "DryRun": True}),
    (
        "ec2",
        "CreateTags",
        {"Resources": [SNAPSHOT], "Tags": [{"Key": "k", "Value": "v \u00e4&"}], "DryRun": True},
    ),
    ("ec2", "GetEbsEncryptionByDefault", {}),
    ("sts", "GetCallerIdentity", {}),
    ("service-quotas", "GetServiceQuota", {"ServiceCode": "ebs", "QuotaCode": "L-AFAE1BE8"}),
]


@pytest.fixture(scope="module")
def clients():
    """botocore's clients, whose ``answer`` is what every call gets, and ``seen`` what it sent."""
    session = botocore.session.Session()

    class Clients(dict):
        seen = None
        answer = (200, {}, b"{}")

        def __missing__(self, name):
            client = session.create_client(
                name,
                region_name="eu-west-1",
                endpoint_url=URL,
                config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
            )

            def take(request, **_):
                self.seen = request
                status, headers, body = self.answer
                answer = AWSResponse(request.url, status, headers, None)
                answer._content = body
                return answer

            client.meta.events.register("before-send", take)
            return self.setdefault(name, client)

        def call(self, name, operation, parameters, answer):
            self.answer = answer
            return getattr(self[name], xform_name(operation))(**parameters)

    return Clients()


EMPTY = {"ec2": b"<r/>", "sts": b"<r><GetCallerIdentityResult/><ResponseMetadata/></r>"}


def empty_answer(service):
    return (200, {}, EMPTY.get(service, b"{}"))


def content(body, headers):
    if "json" in headers.get("content-type", ""):
        return json.loads(body)
    text = body if isinstance(body, str) else (body or b"").decode()
    return sorted(parse_qsl(text, keep_blank_values=True))


@pytest.mark.parametrize(("service", "operation", "parameters"), CALLS)
def test_a_request_is_botocores(clients, service, operation, parameters):
    clients.call(service, operation, parameters, empty_answer(service))
    theirs, ours = clients.seen, SERVICES[service].request(URL, operation, parameters)
    assert ours.method == theirs.method
    one, other = urlsplit(ours.url), urlsplit(theirs.url)
    assert (one.netloc, one.path) == (other.netloc, other.path)
    assert sorted(parse_qsl(one.query)) == sorted(parse_qsl(other.query))
    sent = {name.lower(): value for name, value in ours.headers.items()}
    expected = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in theirs.headers.items()
        if name.lower().startswith(("content-type", "x-amz-"))
    }
    assert sent == expected
    assert content(ours.body, sent) == content(theirs.body, sent)


EC2_SNAPSHOT = """<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>r-1</requestId><nextToken>n</nextToken><snapshotSet><item>
<snapshotId>snap-0</snapshotId><volumeId>vol-ffffffff</volumeId><status>error</status>
<statusMessage>Snapshot timed out</statusMessage><startTime>2026-09-25T12:40:37.440Z</startTime>
<progress>0%</progress><ownerId>111122223333</ownerId><volumeSize>8</volumeSize>
<description>a &amp; b</description><tagSet><item><key>Name</key><value/></item>
<item><key>k</key><value>v</value></item></tagSet><encrypted>true</encrypted>
<kmsKeyId>arn:k</kmsKeyId><fullSnapshotSizeInBytes>524288</fullSnapshotSizeInBytes>
</item><item><snapshotId>snap-1</snapshotId><tagSet/><encrypted>false</encrypted></item>
</snapshotSet></DescribeSnapshotsResponse>"""

ANSWERS = [
    ("ec2", "DescribeSnapshots", {}, EC2_SNAPSHOT),
    ("ec2", "DescribeSnapshots", {}, "<r><requestId>r</requestId><snapshotSet/></r>"),
    ("ec2", "DeleteSnapshot", {"SnapshotId": "snap-0"}, "<r><requestId>r</requestId></r>"),
    (
        "ec2",
        "GetEbsEncryptionByDefault",
        {},
        "<r><ebsEncryptionByDefault>true</ebsEncryptionByDefault></r>",
    ),
    (
        "ebs",
        "StartSnapshot",
        {"VolumeSize": 1},
        (
            '{"BlockSize":524288,"Description":"d","KmsKeyArn":null,"OwnerId":"000000000000",'
            '"ParentSnapshotId":null,"SnapshotId":"snap-0","SseType":null,'
            '"StartTime":1.790337440328E9,"Status":"pending","Tags":null,"VolumeSize":1}'
        ),
    ),
    ("ebs", "StartSnapshot", {"VolumeSize": 1}, '{"StartTime":"2026-09-25T12:40:37Z"}'),
    ("ebs", "StartSnapshot", {"VolumeSize": 1}, '{"StartTime":"1790337440.5"}'),
    ("ebs", "CompleteSnapshot", SEAL, '{"Status":"pending"}'),
    (
        "ebs",
        "ListSnapshotBlocks",
        {"SnapshotId": "snap-0"},
        (
            '{"BlockSize":524288,"Blocks":[{"BlockIndex":0,"BlockToken":"t"}],'
            '"ExpiryTime":1.79E9,"NextToken":null,"VolumeSize":1}'
        ),
    ),
    (
        "service-quotas",
        "GetServiceQuota",
        {"ServiceCode": "ebs", "QuotaCode": "L-1"},
        '{"Quota":{"Value":1000.0}}',
    ),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "text"), ANSWERS)
def test_an_answer_is_read_as_botocore_reads_it(clients, service, operation, parameters, text):
    theirs = clients.call(service, operation, parameters, (200, {}, text.encode()))
    answer = HttpResponse(200, CIMultiDict(), text.encode(), True)
    ours = SERVICES[service].read(operation, answer)
    metadata = ours.pop("ResponseMetadata", {})
    assert metadata.get("RequestId") == theirs.pop("ResponseMetadata").get("RequestId")
    assert ours == theirs


def test_the_caller_is_read_as_botocore_reads_it(clients):
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<GetCallerIdentityResult><Arn>arn:a</Arn><UserId>u</UserId><Account>1</Account>"
        "</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )
    theirs = clients.call("sts", "GetCallerIdentity", {}, (200, {}, text.encode()))
    ours = SERVICES["sts"].read(
        "GetCallerIdentity", HttpResponse(200, CIMultiDict(), text.encode(), True)
    )
    assert ours["Result"] == {name: theirs[name] for name in ("Account", "Arn")}


@pytest.mark.parametrize("value", ["true", '"soon"', "[]", "{}", "1e400", "-1e20", "NaN"])
def test_what_is_no_time_is_left_to_who_checks_the_answer(value):
    answer = HttpResponse(201, CIMultiDict(), f'{{"StartTime":{value}}}'.encode(), True)
    assert not isinstance(ebs_answer("StartSnapshot", answer)["StartTime"], datetime)


@pytest.mark.parametrize("name", ["volumeSize", "encrypted", "startTime"])
@pytest.mark.parametrize("value", ["", "x", "-1", "True", "9" * 5000, "\u0663"])
def test_what_is_not_of_its_type_is_too(name, value):
    text = f"<r><snapshotSet><item><{name}>{value}</{name}></item></snapshotSet></r>"
    answer = HttpResponse(200, CIMultiDict(), text.encode(), True)
    (item,) = SERVICES["ec2"].read("DescribeSnapshots", answer)["Snapshots"]
    assert list(item.values()) == [value]


@pytest.mark.parametrize("body", [b"", b"{}", b"<r>", b"<r>&x;</r>", b"\xff\xfe<", b"<?xml?>"])
def test_what_is_no_xml_is_known(body):
    with pytest.raises(UnreadableXmlError):
        SERVICES["ec2"].read("DescribeSnapshots", HttpResponse(200, CIMultiDict(), body, True))
