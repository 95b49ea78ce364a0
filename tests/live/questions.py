"""What the contract leaves open about answers: each question once, with what it was asked for.

A question returns ``facts``, which the emulator should have too, and ``measured``, which differs
between machines and days.
"""

from live.account import BLOCK, b64_sha256, refusal
from live.raw_put import RawPut

A, B = b"a" * BLOCK, b"b" * BLOCK


def lists(account):
    """Are lists ascending and complete over pages, and what is a token?"""
    wanted = [*range(0, 240, 2), 2047]
    snapshot_id = account.snapshot(dict.fromkeys(wanted, A))
    found, tokens, sizes, token = [], [], [], {}
    while True:
        page = account.ebs.list_snapshot_blocks(SnapshotId=snapshot_id, MaxResults=100, **token)
        sizes.append(len(page["Blocks"]))
        found += [item["BlockIndex"] for item in page["Blocks"]]
        tokens += [item["BlockToken"] for item in page["Blocks"]]
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    account.ec2.delete_snapshot(SnapshotId=snapshot_id)
    return {
        "facts": {
            "ascending_and_complete": found == wanted,
            "token_lengths": sorted({len(each) for each in tokens}),
        },
        "measured": {"page_sizes": sizes},
    }


def default_encryption(account):
    """Does StartSnapshot's answer show the account's encryption by default?"""
    try:
        by_default = account.ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
    except account.ec2.exceptions.ClientError as error:
        by_default = error.response["Error"]["Code"]
    answer = account.start()
    shows_key = bool(answer.get("KmsKeyArn"))
    return {
        "facts": {"sse_type": answer.get("SseType")},
        "measured": {"by_default": by_default, "answer_shows_a_key": shows_key},
    }


def children_of_another_size(account):
    """May a child be larger than its parent, or smaller?"""
    parent = account.snapshot({0: A}, 2)
    larger = refusal(lambda: account.start(3, ParentSnapshotId=parent))
    smaller = refusal(lambda: account.start(1, ParentSnapshotId=parent))
    return {"facts": {"larger": larger, "smaller": _without_message(smaller)}, "measured": smaller}


def public_snapshots(account):
    """In which words is another account's public snapshot refused?"""
    found = account.ec2.describe_snapshots(OwnerIds=["amazon"], MaxResults=5)["Snapshots"]
    if not found:
        return {"facts": {}, "measured": {"not_asked": "there is no public snapshot"}}
    snapshot_id = found[0]["SnapshotId"]
    listed = refusal(lambda: account.ebs.list_snapshot_blocks(SnapshotId=snapshot_id))
    child = refusal(lambda: account.start(found[0]["VolumeSize"], ParentSnapshotId=snapshot_id))
    return {"facts": {}, "measured": {"list": listed, "child": child}}


def tokens_of_clients(account):
    """What does a ClientToken answer once its snapshot is gone?"""
    token = f"bulkput-live-{account.run_id}"
    first = account.start(ClientToken=token)["SnapshotId"]
    account.ec2.delete_snapshot(SnapshotId=first)
    again = account.ebs.start_snapshot(
        VolumeSize=1,
        ClientToken=token,
        Tags=[{"Key": "bulkput-live", "Value": account.run_id}],
    )
    other = refusal(lambda: account.start(2, ClientToken=token))
    account.started.append(again["SnapshotId"])
    return {
        "facts": {
            "replayed_when_deleted": again["SnapshotId"] == first,
            "status": again["Status"],
            "other_parameters": other,
        },
        "measured": {"token": token, "snapshot_id": first},
    }


def wrong_counts(account):
    """What does EC2 report for a count that is too low, and for a wrong checksum?"""
    count, checksum = account.start()["SnapshotId"], account.start()["SnapshotId"]
    for snapshot_id in (count, checksum):
        for index in (0, 1):
            account.until(lambda s=snapshot_id, i=index: account.put(s, i, A))
    account.complete(count, 1)
    account.complete(
        checksum,
        2,
        Checksum=b64_sha256(A),
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )
    ends = {"count": account.settled(count), "checksum": account.settled(checksum)}
    again = account.complete(checksum, 2)["Status"]
    return {
        "facts": {
            **{name: (end["State"], end.get("StateMessage")) for name, end in ends.items()},
            "completed_again": again,
        },
        "measured": {},
    }


def late_puts(account):
    """Can a put that was given up land after its repeat? The last byte comes after the repeat."""
    snapshot_id = account.start()["SnapshotId"]
    account.until(lambda: account.put(snapshot_id, 1, A))
    late = RawPut(account, snapshot_id, 0, A)
    late.begin()
    late.send(BLOCK - 1)
    account.put(snapshot_id, 0, B)
    late.send()
    status, _, body = late.answer()
    late.close()
    account.complete(snapshot_id, 2)
    end = account.settled(snapshot_id)
    content = None
    if end["State"] == "completed":
        listed = account.until(lambda: account.ebs.list_snapshot_blocks(SnapshotId=snapshot_id))
        item = listed["Blocks"][0]
        got = account.ebs.get_snapshot_block(
            SnapshotId=snapshot_id, BlockIndex=0, BlockToken=item["BlockToken"]
        )
        data = got["BlockData"].read()
        content = {A: "the late put's", B: "the repeat's"}.get(data, "neither's")
    return {
        "facts": {"status": status, "content": content, "state": end["State"]},
        "measured": {"body": body.decode("utf-8", "replace")},
    }


def connections_after_errors(account):
    """Does a 400 close its connection, and does it name a time to wait?"""
    snapshot_id = account.start()["SnapshotId"]
    account.until(lambda: account.put(snapshot_id, 0, A))
    put = RawPut(account, snapshot_id, 4096, A)
    put.begin()
    put.send()
    status, headers, _ = put.answer()
    put.close()
    names = {name.lower(): value for name, value in headers.items()}
    return {
        "facts": {
            "status": status,
            "connection": names.get("connection"),
            "retry_after": names.get("retry-after"),
            "server": names.get("server"),
        },
        "measured": {},
    }


def _without_message(refused):
    return refused and {name: value for name, value in refused.items() if name != "message"}
