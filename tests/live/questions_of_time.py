"""What the contract leaves open about time and rates."""

import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError
from live.account import BLOCK, refusal
from live.raw_put import RawPut

ZEROS = bytes(BLOCK)
_BURST_THREADS = 48
_BUCKET_S = 0.1


def lag_of_the_direct_side(account):
    """How much earlier does EC2 say completed than the direct side?"""
    snapshot_id = account.start()["SnapshotId"]
    account.until(lambda: account.put(snapshot_id, 0, ZEROS))
    account.complete(snapshot_id, 1)
    end = account.settled(snapshot_id)
    began_s = time.monotonic()
    first = refusal(lambda: account.ebs.list_snapshot_blocks(SnapshotId=snapshot_id))
    account.until(lambda: account.ebs.list_snapshot_blocks(SnapshotId=snapshot_id))
    return {
        "facts": {
            "state": end["State"],
            "held_bytes": end.get("FullSnapshotSizeInBytes"),
            "transfer_type": end.get("TransferType"),
        },
        "measured": {"lag_s": round(time.monotonic() - began_s, 1), "first_list": first},
    }


def stalled_bodies(account):
    """How long is a body waited for, and what is answered then?"""
    snapshot_id = account.start()["SnapshotId"]
    account.until(lambda: account.put(snapshot_id, 1, ZEROS))
    put = RawPut(account, snapshot_id, 0, ZEROS)
    put.connection.timeout = account.limits.stall_s
    put.begin()
    put.send(BLOCK // 2)
    began_s = time.monotonic()
    status, _, body = put.answer()
    put.close()
    return {
        "facts": {},
        "measured": {
            "waited_s": round(time.monotonic() - began_s, 1),
            "status": status,
            "body": body.decode("utf-8", "replace"),
        },
    }


def idle_connections(account):
    """After which idle time is a connection closed?"""
    snapshot_id = account.start()["SnapshotId"]
    account.until(lambda: account.put(snapshot_id, 1, ZEROS))
    put = RawPut(account, snapshot_id, 0, ZEROS)
    put.begin()
    put.send()
    status, _, _ = put.answer()
    sock = put.connection.sock
    began_s = time.monotonic()
    closed = False
    if sock is not None:
        sock.settimeout(account.limits.idle_s)
        try:
            closed = sock.recv(1) == b""
        except OSError as error:
            closed = not isinstance(error, TimeoutError)
    idle_s = round(time.monotonic() - began_s, 1)
    put.close()
    return {
        "facts": {"status": status, "kept_after_a_put": sock is not None},
        "measured": {"closed": closed, "after_s": idle_s},
    }


def bursts_of_puts(account):
    """How large a burst is taken, how evenly, and what does a throttle look like?"""
    snapshot_id = account.start(2)["SnapshotId"]
    account.until(lambda: account.put(snapshot_id, 0, ZEROS))
    began_s = time.monotonic()

    def put(number):
        try:
            account.put(snapshot_id, number % 4096, ZEROS)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return time.monotonic() - began_s, f"{code}/{error.response.get('Reason')}"
        return time.monotonic() - began_s, ""

    with ThreadPoolExecutor(_BURST_THREADS) as pool:
        ends = list(pool.map(put, range(account.limits.burst_puts)))
    taken, throttles = [at for at, code in ends if not code], [each for each in ends if each[1]]
    buckets = {}
    for at in taken:
        buckets[int(at / _BUCKET_S)] = buckets.get(int(at / _BUCKET_S), 0) + 1
    return {
        "facts": {},
        "measured": {
            "puts": len(ends),
            "seconds": round(max(at for at, _ in ends), 1),
            "throttles": len(throttles),
            "kinds": sorted({code for _, code in throttles}),
            "taken_before_the_first_throttle": sum(
                at < min(each[0] for each in throttles) for at in taken
            )
            if throttles
            else len(taken),
            "taken_in_each_tenth_of_a_second": [
                buckets.get(number, 0) for number in range(max(buckets, default=-1) + 1)
            ],
        },
    }


def earlier_tokens(account, earlier):
    """Is a ClientToken of an earlier run still remembered, and how old is it?"""
    found = {}
    for token, (snapshot_id, asked_unix_s) in earlier.items():
        answer = account.ebs.start_snapshot(
            VolumeSize=1,
            ClientToken=token,
            Tags=[{"Key": "bulkput-live", "Value": token.removeprefix("bulkput-live-")}],
        )
        account.started.append(answer["SnapshotId"])
        age_h = round((time.time() - asked_unix_s) / 3600, 1)
        found[token] = {"age_h": age_h, "remembered": answer["SnapshotId"] == snapshot_id}
    return {"facts": {}, "measured": found}
