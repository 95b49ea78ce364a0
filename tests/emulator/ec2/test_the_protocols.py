"""Forms, JSON bodies, faults and restarts: what holds for every call of EC2 and beside it."""

import json
import random
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from emulator.conftest import REGION, LiveEmulator
from emulator.ec2.conftest import ZONE, Ec2Account

from bulkput.emulator.call import JSON_SERVICES
from bulkput.emulator.ec2.actions import ACTIONS
from bulkput.emulator.faults import Fault, FaultKind
from bulkput.emulator.json_calls.actions import JSON_ACTIONS
from bulkput.emulator.options import EmulatorOptions

MODELS = {
    name: ServiceModel(Loader().load_service_model(name, "service-2"))
    for name in ("ec2", "ssm", "kms")
}
TARGETS = {service: prefix for prefix, service in JSON_SERVICES.items()}


IN_REGION = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential=unchecked/20260101/{REGION}/x/aws4_request, "
    f"SignedHeaders=host, Signature={'0' * 64}"
}
"""Names the Region in which the account's things are."""


def post(account, body, **headers):
    return account.server.send("POST", "/", IN_REGION | headers, body)


def form(account, action, **fields):
    """Send a form, and return status and the code of an error."""
    answer = post(account, urlencode({"Action": action, **fields}).encode())
    root = ET.fromstring(answer.body)
    return answer.status, root.findtext("./Errors/Error/Code")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Snapshot": "x"}, "UnknownParameter"),
        ({"SnapshotId.1.x": "x"}, "UnknownParameter"),
        ({"SnapshotId.one": "x"}, "InvalidParameterValue"),
        ({"SnapshotId.²": "x"}, "InvalidParameterValue"),
        ({"SnapshotId": "x"}, "InvalidParameterValue"),
        ({"Filter.1.Nam": "x"}, "UnknownParameter"),
        ({"Filter.1.Name": "x", "Filter.1.Name.x": "y"}, "UnknownParameter"),
        ({"DryRun": "yes"}, "InvalidParameterValue"),
        ({"MaxResults": "1e3"}, "InvalidParameterValue"),
        ({"MaxResults": "2"}, "InvalidParameterValue"),
        ({"NextToken": "x"}, "InvalidParameterValue"),
        ({"Filter.1.Name": "colour", "Filter.1.Value.1": "red"}, "InvalidParameterValue"),
        ({f"Filter.1.Value.{number}": "x" for number in range(1, 202)}, "FilterLimitExceeded"),
        ({"DryRun": "TRUE"}, "DryRunOperation"),
    ],
)
def test_forms_that_do_not_hold(account, fields, code):
    account.server.start()
    status, found = form(account, "DescribeSnapshots", **fields)
    assert (found, status) == (code, 412 if code == "DryRunOperation" else 400)


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:00", "tomorrow"])
def test_a_time_that_no_answer_could_show_is_refused(account, at):
    wanted = {"SnapshotId": account.snapshot(), "LockMode": "governance", "ExpirationDate": at}
    assert form(account, "LockSnapshot", **wanted) == (400, "InvalidParameterValue")
    assert form(account, "DescribeLockedSnapshots") == (200, None)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_misses_what_it_needs_and_takes_a_dry_run(account, action):
    shape = MODELS["ec2"].operation_model(action).input_shape
    status, code = form(account, action)
    if shape.required_members:
        assert (status, code) == (400, "MissingParameter")
    dry = {"DryRun": "true"}
    for name in shape.required_members:
        member = shape.members[name]
        given = str(member.serialization.get("queryName") or member.serialization.get("name", name))
        key = given[0].upper() + given[1:]
        kinds = {"list": f"{key}.1", "structure": f"{key}.Nothing"}
        value = (getattr(member, "enum", None) or ["1"])[0]
        value = "2100-01-01T00:00:00Z" if member.type_name == "timestamp" else value
        dry[kinds.get(member.type_name, key)] = value
    status, code = form(account, action, **dry)
    assert code in ("DryRunOperation", "UnknownParameter", "InvalidParameterValue")


CALLS = [
    *(("ec2", action) for action in sorted(ACTIONS)),
    *sorted(JSON_ACTIONS),
]


@pytest.mark.parametrize(("service", "action"), CALLS)
@pytest.mark.parametrize("kind", [FaultKind.THROTTLE_ACCOUNT, FaultKind.ACCESS_DENIED])
def test_faults_reach_every_call_in_its_own_form(account, service, action, kind):
    faults = account.server.emulator.faults
    faults.add(Fault(kind=kind, operation=action))
    if service == "ec2":
        expected = {"throttle-account": (503, "RequestLimitExceeded")}
        assert form(account, action) == expected.get(kind, (403, "UnauthorizedOperation"))
    else:
        answer = post(account, b"{}", **{"X-Amz-Target": f"{TARGETS[service]}.{action}"})
        code = "ThrottlingException" if kind == "throttle-account" else "AccessDeniedException"
        error = json.loads(answer.body)
        assert (answer.status, error["__type"]) == (400, code)
        assert code == "ThrottlingException" or f"perform: {service}:{action} " in error["message"]
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert faults.unreached() == []
    faults.clear()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b"\xff", "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"Name":1}', "ValidationException"),
        (b'{"Name":[]}', "ValidationException"),
        (b'{"Name":"/a","Zoo":1}', "ValidationException"),
        (b'{"Name":"\\ud800"}', "ParameterNotFound"),
        (b'{"Name":"/a","WithDecryption":null}', "ParameterNotFound"),
    ],
)
def test_bodies_that_are_no_request(account, body, code):
    answer = post(account, body, **{"X-Amz-Target": "AmazonSSM.GetParameter"})
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, code)


@pytest.mark.parametrize(
    ("action", "more"),
    [
        *(
            ("PutParameter", {"Tags": tags})
            for tags in (1, {"k": "v"}, [1], [{"Key": "k"}], [{"Value": "v"}])
        ),
        ("PutParameter", {"Value": ""}),
        ("PutParameter", {"Description": {}}),
        ("PutParameter", {"DataType": {}}),
        ("AddTagsToResource", {"Tags": [{"Key": "k"}]}),
        ("AddTagsToResource", {"Tags": [{"Key": 1, "Value": "v"}]}),
        ("AddTagsToResource", {"Tags": [{"Key": "k", "Value": []}]}),
    ],
)
def test_members_that_are_none_of_the_model_change_nothing(account, action, more):
    full = {
        "PutParameter": {"Name": "/odd", "Value": "1", "Type": "String"},
        "AddTagsToResource": {"ResourceType": "Parameter", "ResourceId": "/odd"},
    }[action]
    account.ssm.put_parameter(Name="/odd", Value="0", Type="String", Overwrite=True)
    body = json.dumps({**full, "Overwrite": True, **more} if "Name" in full else full | more)
    answer = post(account, body.encode(), **{"X-Amz-Target": f"AmazonSSM.{action}"})
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, "ValidationException")
    assert account.ssm.get_parameter(Name="/odd")["Parameter"]["Value"] == "0"
    tagged = account.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/odd")
    assert tagged["TagList"] == []


def odd_value(draw, shape):
    """Return a value for a scalar that may or may not hold."""
    odd = ("", "0", "-1", "true", "x" * 300, "9" * 30, "2026-01-01", "🐘", "\0", "*", "[!a]*", "\\")
    if getattr(shape, "enum", None) and draw.random() < 0.7:
        return draw.choice(shape.enum)
    return draw.choice((*odd, "vol-1", "ami-1", "us-east-1", "eu-central-1a"))


def odd_fields(draw, shape, path, depth=0):
    """Yield names and values of a form that looks like a call."""
    if shape.type_name == "structure" and depth < 5:
        for name, member in shape.members.items():
            if draw.random() < (0.8 if name in shape.required_members else 0.3):
                given = member.serialization.get("queryName") or member.serialization.get("name")
                key = str(given or name)
                key = key[0].upper() + key[1:]
                yield from odd_fields(draw, member, f"{path}.{key}".lstrip("."), depth + 1)
    elif shape.type_name == "list" and depth < 5:
        for number in range(1, draw.randint(1, 3)):
            yield from odd_fields(draw, shape.member, f"{path}.{number}", depth + 1)
    else:
        yield path, draw.choice(draw.known) if draw.random() < 0.3 else odd_value(draw, shape)


def test_no_form_of_any_action_is_answered_by_a_500(account):
    draw = random.Random(17)
    draw.known = [account.snapshot(), account.image(), ZONE]
    for _ in range(6):
        for action in sorted(ACTIONS):
            shape = MODELS["ec2"].operation_model(action).input_shape
            fields = dict(odd_fields(draw, shape, ""))
            fields.pop("DryRun", None)
            status, code = form(account, action, **fields)
            assert status in (200, 400, 403), (action, fields, code)
        for service, action in sorted(JSON_ACTIONS):
            names = MODELS[service].operation_model(action).input_shape.members
            odd = ("/a", "", 1, None, [], ["/a"], {}, True, [{"Key": "k"}], [1], "x" * 2000)
            body = {name: draw.choice(odd) for name in names if draw.random() < 0.6}
            target = {"X-Amz-Target": f"{TARGETS[service]}.{action}"}
            answer = post(account, json.dumps(body).encode(), **target)
            assert answer.status in (200, 400), (action, body, answer.body)


def test_everything_is_there_again_after_a_restart(tmp_path):
    options = EmulatorOptions(root=tmp_path / "root", verify_signatures=False)
    server = LiveEmulator(options)
    first = Ec2Account(server)
    snapshot_id = first.snapshot(Tags=[{"Key": "k", "Value": "v"}])
    image_id = first.image(snapshot_id)
    first.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [{"Group": "all"}]})
    first.ec2.modify_snapshot_attribute(
        SnapshotId=snapshot_id, CreateVolumePermission={"Add": [{"Group": "all"}]}
    )
    volume = {"AvailabilityZone": ZONE, "SnapshotId": snapshot_id, "ClientToken": "t"}
    volume_id = first.ec2.create_volume(**volume)["VolumeId"]
    first.ec2.lock_snapshot(SnapshotId=snapshot_id, LockMode="governance", LockDuration=1)
    first.ec2.enable_fast_snapshot_restores(
        AvailabilityZones=[ZONE], SourceSnapshotIds=[snapshot_id]
    )
    first.ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1)
    first.ec2.create_launch_template(
        LaunchTemplateName="abc", LaunchTemplateData={"ImageId": image_id}
    )
    first.ec2.enable_ebs_encryption_by_default()
    first.ssm.put_parameter(Name="/a", Value="1", Type="String")
    first.wait()

    def everything(account):
        calls = (
            *("describe_images", "describe_volumes", "describe_instances", "describe_snapshots"),
            *("describe_locked_snapshots", "describe_fast_snapshot_restores", "describe_tags"),
            *("describe_launch_templates", "get_ebs_encryption_by_default"),
        )
        found = [getattr(account.ec2, name)() for name in calls]
        found.append(account.ssm.get_parameter(Name="/a"))
        for each in found:
            del each["ResponseMetadata"]
        return found

    before = everything(first)
    server.stop()
    server = LiveEmulator(options)
    second = Ec2Account(server)
    second.clock.advance(first.clock.unix_s() - second.clock.unix_s())
    assert everything(second) == before
    assert second.ec2.create_volume(**volume)["VolumeId"] == volume_id
    server.stop()
