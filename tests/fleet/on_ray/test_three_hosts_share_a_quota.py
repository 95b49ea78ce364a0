"""24 volumes on three hosts under one account's quota, as `bulkput fleet` runs them."""

import json
import sys

import pytest
from fleet.on_ray.conftest import per_second

pytestmark = pytest.mark.fleet

QUOTA = 100.0
"""Puts a second: two cores carry emulator, hosts, driver and the processes of twelve volumes."""


@pytest.mark.timeout(600)
def test_three_hosts_use_a_quota_and_never_more(serve, in_memory, fleet, disks, check):
    server = serve(in_memory, puts_per_s_account=QUOTA)
    job, paths = disks(
        [600 + 137 * number % 500 for number in range(24)],
        stride=5,  # all are put: what lies between is zeros
        of_volume=["    zeros: write"],
        of_job=[f"tuning: {{ puts_per_s_account: {QUOTA} }}"],
    )
    hosts = fleet(server, "a", "b", "c")
    out, err = hosts.drive(job, "--output", "json").communicate(timeout=500)
    assert out, err
    result = json.loads(out)
    assert result["exit_code"] == 0, err
    by_volume = {each["volume"]: each["snapshot_id"] for each in result["volumes"]}
    for path in paths:
        check(server, by_volume[path.name], path)
    accepted = per_second(server.answered_s)
    throttled = sum(status != 201 for _, status in server.answered_s)
    # From the first put to the last, with the turns of volumes and the last ones of the job.
    share = sum(accepted) / len(accepted) / QUOTA
    sys.stdout.write(
        f"{len(paths)} volumes, {len(server.answered_s)} puts in {len(accepted)} s: "
        f"{share:.3f} of the quota, {throttled} throttled; {accepted}\n"
    )
    assert throttled / len(server.answered_s) < 0.005
    assert 0.95 <= share <= 1.0 + 1 / len(accepted)
