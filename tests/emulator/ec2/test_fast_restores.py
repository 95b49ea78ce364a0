"""Fast snapshot restores, by boto3."""

from emulator.ec2.conftest import ZONE


def test_fast_restores_go_through_their_states(account, refused):
    snapshot_id, missing = account.snapshot(), "snap-0123456789abcdef0"
    enable = account.ec2.enable_fast_snapshot_restores
    made = enable(AvailabilityZones=[ZONE], SourceSnapshotIds=[snapshot_id, missing])
    (successful,) = made["Successful"]
    assert (successful["State"], successful["AvailabilityZone"]) == ("enabling", ZONE)
    (unsuccessful,) = made["Unsuccessful"]
    (error,) = unsuccessful["FastSnapshotRestoreStateErrors"]
    assert (unsuccessful["SnapshotId"], error["Error"]["Code"]) == (
        *(missing, "InvalidSnapshot.NotFound"),
    )

    def shown():
        filters = [{"Name": "snapshot-id", "Values": [snapshot_id]}]
        found = account.ec2.describe_fast_snapshot_restores(Filters=filters)
        return [each["State"] for each in found["FastSnapshotRestores"]]

    account.clock.advance(account.server.options.resource_delay_s * 0.6)
    assert shown() == ["optimizing"]
    account.wait()
    assert shown() == ["enabled"]
    disable = account.ec2.disable_fast_snapshot_restores
    wanted = {"AvailabilityZones": [ZONE], "SourceSnapshotIds": [snapshot_id]}
    assert disable(**wanted)["Successful"][0]["State"] == "disabling"
    account.wait()
    assert shown() == []
    assert disable(**wanted)["Unsuccessful"]
    assert refused(enable, AvailabilityZones=["x"], SourceSnapshotIds=[snapshot_id]) == (
        "InvalidZone.NotFound"
    )
    many = [account.snapshot() for _ in range(6)]
    made = enable(AvailabilityZones=[ZONE], SourceSnapshotIds=many)
    assert [each["SnapshotId"] for each in made["Unsuccessful"]] == many[5:]
