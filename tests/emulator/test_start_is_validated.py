"""What StartSnapshot takes and refuses, and how a snapshot comes to be encrypted."""

import json

import pytest

MISSING = "snap-0123456789abcdef0"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/abc"


def start(server, **fields):
    return server.raw("POST", "/snapshots", json.dumps({"VolumeSize": 1} | fields).encode())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"ParentSnapshotId": MISSING, "Encrypted": True},
            "ParentSnapshotId and Encrypt cannot be specified together",
        ),
        (
            {"ParentSnapshotId": MISSING, "KmsKeyArn": KEY},
            "ParentSnapshotId and KmsKeyArn cannot be specified together",
        ),
        (
            {"Encrypted": False, "KmsKeyArn": KEY},
            "Encrypt cannot be false when KmsKeyArn is specified",
        ),
    ],
)
def test_combinations_that_are_refused(server, fields, message):
    answer = start(server, **fields)
    assert answer.status == 400
    assert answer.json == {"Message": message, "Reason": "INVALID_PARAMETER_VALUE"}


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({"VolumeSize": None}, "volumeSize", "Member must not be null"),
        ({"VolumeSize": 0}, "volumeSize", "Member must have value greater than or equal to 1"),
        ({"Timeout": 9}, "timeout", "Member must have value greater than or equal to 10"),
        ({"Timeout": 4321}, "timeout", "Member must have value less than or equal to 4320"),
        (
            {"Description": "d" * 256},
            "description",
            "Member must have length less than or equal to 255",
        ),
        ({"ClientToken": "a b"}, "clientToken", "Member must satisfy regular expression pattern: "),
        (
            {"ClientToken": "t" * 256},
            "clientToken",
            "Member must have length less than or equal to 255",
        ),
        ({"ParentSnapshotId": "vol-1"}, "parentSnapshotId", "Member must satisfy regular"),
        ({"KmsKeyArn": "alias/mine"}, "kmsKeyArn", "Member must satisfy regular expression"),
        (
            {"Tags": [{"Key": "k" * 128, "Value": ""}]},
            "tags.1.member.key",
            "Member must have length less than or equal to 127",
        ),
        (
            {"Tags": [{"Key": "k", "Value": "v" * 256}]},
            "tags.1.member.value",
            "Member must have length less than or equal to 255",
        ),
    ],
)
def test_start_keeps_to_the_models_constraints(server, fields, name, expected):
    answer = start(server, **fields)
    assert (answer.status, answer.code) == (400, "ValidationException")
    message = answer.json["message"]
    assert message.startswith("1 validation error detected: Value ")
    assert f" at '{name}' failed to satisfy constraint: {expected}" in message


def test_the_models_limits_themselves_are_allowed(server):
    tags = [{"Key": f"{n:03d}".ljust(127, "k"), "Value": "v" * 255} for n in range(50)]
    answer = start(
        server,
        VolumeSize=65536,
        Timeout=4320,
        Description="d" * 255,
        Tags=tags,
        ClientToken="t" * 255,
    )
    assert (answer.status, answer.json["Tags"]) == (201, tags)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"VolumeSize": 65537}, "INVALID_VOLUME_SIZE"),
        ({"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}, "INVALID_TAG"),
        ({"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]}, "INVALID_TAG"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "INVALID_TAG"),
    ],
)
def test_start_refuses_what_the_model_cannot_say(server, fields, reason):
    assert start(server, **fields).json["Reason"] == reason


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"VolumeSize":"1"}', b'{"VolumeSize":true}', b'{"VolumeSize":1,"Tags":[1]}'],
)
def test_a_body_that_is_no_such_json_cannot_be_read(server, body):
    assert server.raw("POST", "/snapshots", body).code == "SerializationException"


def test_a_child_may_not_be_smaller_than_its_parent(server):
    parent = server.snapshot({}, VolumeSize=2)
    assert start(server, ParentSnapshotId=parent).json["Reason"] == "INVALID_VOLUME_SIZE"


ENCRYPTION = [
    # ebd, Encrypted, key -> key of the snapshot
    (False, None, None, None),
    (True, None, None, "default"),
    (False, True, None, "default"),
    (False, True, KEY, KEY),
    (False, None, KEY, KEY),
    (True, None, KEY, KEY),
    (False, False, None, None),
    (True, False, None, "refused"),
]


@pytest.mark.parametrize(("ebd", "encrypted", "key", "expected"), ENCRYPTION)
def test_encryption_without_a_parent(live, ebd, encrypted, key, expected):
    answer = start(live(ebd=ebd), Encrypted=encrypted, KmsKeyArn=key)
    if expected == "refused":
        assert answer.json["Reason"] == "INVALID_PARAMETER_VALUE"
        return
    assert answer.json["SseType"] is None
    if expected == "default":
        assert answer.json["KmsKeyArn"].startswith("arn:aws:kms:eu-central-1:000000000000:key/")
    else:
        assert answer.json["KmsKeyArn"] == expected


@pytest.mark.parametrize("asked", [{}, {"Encrypted": True}, {"KmsKeyArn": KEY}])
def test_an_answer_need_not_show_encryption_by_default_but_ec2_does(live, asked):
    server = live(ebd=True, ebd_shown=False)
    answer = start(server, ClientToken="token", **asked).json
    assert (answer["KmsKeyArn"] is None) == (not asked)
    assert start(server, ClientToken="token", **asked).json["KmsKeyArn"] == answer["KmsKeyArn"]
    described = server.ec2.describe_snapshots(SnapshotIds=[answer["SnapshotId"]])
    assert described["Snapshots"][0]["Encrypted"]


def test_encryption_comes_from_the_parent(live):
    server = live()
    encrypted, plain = server.snapshot({}, KmsKeyArn=KEY), server.snapshot({})
    assert start(server, ParentSnapshotId=encrypted).json["KmsKeyArn"] == KEY
    assert start(server, ParentSnapshotId=plain).json["KmsKeyArn"] is None
    live.stop(server)
    with_default = live(ebd=True)
    with_default.clock.advance(10)
    assert start(with_default, ParentSnapshotId=encrypted).json["KmsKeyArn"] == KEY
    refused = start(with_default, ParentSnapshotId=plain)
    assert (refused.status, refused.json["Reason"]) == (400, "INVALID_PARAMETER_VALUE")
