import time

import pytest
import trustme
from botocore.exceptions import ClientError, SSLError


def test_faults_can_be_scripted_over_http(live, vectors):
    server = live(faults=True)
    script = [
        {"kind": "throttle-account", "operation": "PutSnapshotBlock", "times": 2},
        {"kind": "html-503", "operation": "PutSnapshotBlock", "block_index": 99},
    ]
    assert server.control("POST", "faults", script).status == 200
    snapshot_id = server.start()
    statuses = [server.raw_put(snapshot_id, 0, vectors.zeros).status for _ in range(3)]
    assert statuses == [400, 400, 201]
    report = server.control("GET", "stats").json
    assert [fault["hit"] for fault in report["faults"]] == [2, 0]
    assert report["faults_unreached"] == 1
    assert (report["blocks_stored"], report["put_peak_per_s"]) == (1, 1)
    assert {
        "operation": "PutSnapshotBlock",
        "status": 400,
        "code": "ThrottlingException",
        "count": 2,
    } in report["answers"]
    server.control("DELETE", "faults")
    server.control("DELETE", "stats")
    report = server.control("GET", "stats").json
    assert (report["faults"], report["answers"], report["blocks_stored"]) == ([], [], 0)


def test_rates_and_delays_can_be_changed_while_it_runs(live, vectors):
    server = live(faults=True)
    snapshot_id = server.start()
    assert server.control("POST", "quota", {"puts_per_s_snapshot": 0.001}).status == 200
    statuses = [server.raw_put(snapshot_id, 0, vectors.zeros).status for _ in range(2)]
    assert statuses == [201, 400]
    server.control("POST", "quota", {"puts_per_s_snapshot": None, "latency_ms": 100})
    began_s = time.monotonic()
    assert server.raw_put(snapshot_id, 0, vectors.zeros).status == 201
    assert time.monotonic() - began_s >= 0.1


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("quota", {"burst": 1}),
        ("quota", {"latency_ms": "long"}),
        ("quota", {"latency_ms": -1}),
        ("quota", []),
        ("faults", {"kind": "nonsense"}),
        ("faults", {"kind": "html-503", "colour": "red"}),
        ("faults", {"operation": "*"}),
        ("faults", 1),
    ],
)
def test_what_cannot_be_understood_is_refused_and_changes_nothing(live, name, fields):
    server = live(faults=True)
    assert server.control("POST", name, fields).status == 400
    assert server.control("GET", "faults").json["faults"] == []
    assert server.emulator.latency.delay_s() == 0


def test_the_control_endpoint_is_not_there_unless_asked_for(server):
    for method, name in (("POST", "faults"), ("GET", "stats"), ("POST", "quota")):
        answer = server.control(method, name, {})
        assert (answer.status, answer.code) == (404, "UnknownOperationException")


def test_jitter_spreads_the_delay(live):
    latency = live(latency_ms=100, jitter_ms=50).emulator.latency
    delays = [latency.delay_s() for _ in range(200)]
    assert 0.1 <= min(delays) < max(delays) <= 0.15


def test_boto3_works_over_tls_and_trusts_only_the_right_authority(live, tmp_path, vectors):
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    paths = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca", "stranger")}
    paths["cert"].write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(paths["key"])
    authority.cert_pem.write_to_path(paths["ca"])
    stranger.cert_pem.write_to_path(paths["stranger"])
    server = live(str(paths["ca"]), tls_cert=paths["cert"], tls_key=paths["key"])
    assert server.url.startswith("https://")
    blocks = {0: vectors.payload("a"), 2047: vectors.zeros}
    snapshot_id = server.snapshot(blocks)
    assert server.blocks(snapshot_id) == blocks
    assert server.state(snapshot_id) == ("completed", None)
    with pytest.raises(SSLError):
        server.client("ebs", verify=str(paths["stranger"])).start_snapshot(VolumeSize=1)


def test_ec2_describes_filters_pages_and_deletes(server):
    ids = [
        server.start(VolumeSize=1 + number, Tags=[{"Key": "n", "Value": str(number)}])
        for number in range(7)
    ]
    server.seal(ids[0], {})
    server.settle()
    describe = server.ec2.describe_snapshots

    def found(**fields):
        return {item["SnapshotId"] for item in describe(**fields)["Snapshots"]}

    assert found() == found(OwnerIds=["self"]) == set(ids)
    assert found(OwnerIds=["111122223333"]) == set()
    assert found(SnapshotIds=ids[2:4]) == set(ids[2:4])
    for name, value, expected in (
        ("status", "completed", ids[:1]),
        ("tag:n", "3", ids[3:4]),
        ("tag-key", "n", ids),
        ("volume-size", "2", ids[1:2]),
        ("encrypted", "true", []),
    ):
        assert found(Filters=[{"Name": name, "Values": [value]}]) == set(expected)
    pages = list(
        server.ec2.get_paginator("describe_snapshots").paginate(PaginationConfig={"PageSize": 5})
    )
    assert [len(page["Snapshots"]) for page in pages] == [5, 2]
    (shown,) = describe(SnapshotIds=ids[:1])["Snapshots"]
    assert (shown["VolumeId"], shown["Progress"], shown["VolumeSize"]) == (
        "vol-ffffffff",
        "100%",
        1,
    )
    (shown,) = describe(SnapshotIds=ids[1:2])["Snapshots"]
    assert (shown["State"], shown["Progress"]) == ("pending", "0%")
    server.ec2.delete_snapshot(SnapshotId=ids[1])
    assert found() == set(ids) - {ids[1]}


@pytest.mark.parametrize(
    ("call", "fields", "code"),
    [
        (
            "describe_snapshots",
            {"SnapshotIds": ["snap-0123456789abcdef0"]},
            "InvalidSnapshot.NotFound",
        ),
        ("delete_snapshot", {"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ("describe_snapshots", {"SnapshotIds": ["nonsense"]}, "InvalidParameterValue"),
        ("describe_snapshots", {"Filters": [{"Name": "x", "Values": []}]}, "InvalidParameterValue"),
        ("describe_snapshots", {"MaxResults": 2}, "InvalidParameterValue"),
        ("describe_snapshots", {"DryRun": True}, "DryRunOperation"),
        ("describe_vpcs", {}, "InvalidAction"),
    ],
)
def test_ec2_has_its_own_errors(server, call, fields, code):
    server.start()
    with pytest.raises(ClientError) as caught:
        getattr(server.ec2, call)(**fields)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["RequestId"]
