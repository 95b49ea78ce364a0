import pytest
from botocore.exceptions import ClientError

from bulkput.emulator.errors import ApiError
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.quotas import Bucket, Quotas
from bulkput.emulator.stats import Stats

PUT = "PutSnapshotBlock"


def admitted(quotas, times_s, snapshot_id="snap-1"):
    return sum(quotas.refusal(PUT, snapshot_id, now_s) is None for now_s in times_s)


def test_a_flood_gets_the_rate_and_one_small_burst(tmp_path):
    quotas = Quotas(EmulatorOptions(root=tmp_path, puts_per_s_snapshot=1000, burst_s=0.1))
    flood = [number / 10_000 for number in range(50_000)]
    assert admitted(quotas, flood) == pytest.approx(1000 * 5 + 100, abs=2)


def test_evenly_spaced_puts_at_the_rate_are_never_refused(tmp_path):
    quotas = Quotas(EmulatorOptions(root=tmp_path, puts_per_s_account=500, burst_s=0.1))
    assert admitted(quotas, [number / 499 for number in range(5000)]) == 5000


def test_the_error_names_the_bucket_that_was_empty(tmp_path):
    options = EmulatorOptions(root=tmp_path, puts_per_s_snapshot=10, puts_per_s_account=20)
    quotas = Quotas(options)

    def refusals(snapshot_id):
        found = [quotas.refusal(PUT, snapshot_id, 0.0) for _ in range(3)]
        return [error and (error.code, error.reason) for error in found]

    assert refusals("snap-1") == [
        None,
        ("RequestThrottledException", "RESOURCE_LEVEL_THROTTLE"),
        ("RequestThrottledException", "RESOURCE_LEVEL_THROTTLE"),
    ]
    assert refusals("snap-2") == [
        None,
        *[("RequestThrottledException", "RESOURCE_LEVEL_THROTTLE")] * 2,
    ]
    assert refusals("snap-3")[0] == ("ThrottlingException", None)


def test_a_refusal_takes_from_no_bucket(tmp_path):
    options = EmulatorOptions(root=tmp_path, puts_per_s_snapshot=10, puts_per_s_account=20)
    quotas = Quotas(options)
    for _ in range(100):
        quotas.refusal(PUT, "snap-1", 0.0)
    assert quotas.refusal(PUT, "snap-2", 0.0) is None


def test_a_bucket_without_a_rate_never_refuses():
    bucket = Bucket(None, 0.1)
    for _ in range(1000):
        assert bucket.ready(0.0)
        bucket.take()


def test_puts_beyond_a_snapshots_rate_are_throttled_over_http(live, vectors):
    server = live(puts_per_s_snapshot=0.01, verify_signatures=False)
    snapshot_id = server.start()
    assert server.raw_put(snapshot_id, 0, vectors.zeros).status == 201
    answer = server.raw_put(snapshot_id, 1, vectors.zeros)
    assert (answer.status, answer.code) == (400, "RequestThrottledException")
    assert answer.json["Reason"] == "RESOURCE_LEVEL_THROTTLE"
    assert answer.headers["Connection"] == "close"
    server.clock.advance(101)
    assert server.raw_put(snapshot_id, 1, vectors.zeros).status == 201


def test_puts_beyond_the_accounts_rate_are_throttled_over_http(live, vectors):
    server = live(puts_per_s_account=0.01)
    one, other = server.start(), server.start()
    assert server.raw_put(one, 0, vectors.zeros).status == 201
    answer = server.raw_put(other, 0, vectors.zeros)
    assert (answer.status, answer.code) == (400, "ThrottlingException")
    assert answer.json == {"message": "Rate exceeded"}


def test_starts_completes_and_lists_have_their_own_limits(live):
    server = live(starts_per_s=0.01, completes_per_s=0.01, lists_per_s=0.01)
    snapshot_id = server.snapshot({})
    server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
    for call in (
        lambda: [server.start() for _ in range(3)],
        lambda: [server.seal(snapshot_id, {}) for _ in range(3)],
        lambda: [server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id) for _ in range(3)],
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"


def test_one_pending_snapshot_too_many_is_refused_until_one_has_ended(live):
    server = live(pending_snapshots_max=2)
    first, _ = server.start(), server.start()
    with pytest.raises(ClientError) as caught:
        server.start()
    error = caught.value.response
    assert error["Error"]["Code"] == "ConcurrentLimitExceededException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    server.ec2.delete_snapshot(SnapshotId=first)
    third = server.start()
    server.seal(third, {})
    server.settle()
    server.start()


def test_the_limit_of_pending_snapshots_is_100_by_default(tmp_path):
    assert EmulatorOptions(root=tmp_path).pending_snapshots_max == 100


def test_the_busiest_second_is_counted():
    stats = Stats()
    for now_s in (0.0, 0.5, 0.9, 1.2, 1.3, 5.0):
        stats.stored(now_s)
    assert (stats.put_peak_per_s, stats.blocks_stored) == (4, 6)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"latency_ms": -1.0}, "latency_ms must not be negative"),
        ({"puts_per_s_snapshot": 0}, "puts_per_s_snapshot must be above 0"),
        ({"tls_cert": "only-one"}, "needs both a certificate and a key"),
    ],
)
def test_options_that_cannot_work_are_refused(tmp_path, wrong, error):
    with pytest.raises(ValueError, match=error):
        EmulatorOptions(root=tmp_path, **wrong)


def test_an_error_knows_its_status():
    assert ApiError("ServiceQuotaExceededException", "x").http_status == 402
