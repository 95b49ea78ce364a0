"""Nodes that `ray start` began have names and labels by `bulkput fleet host` beside them."""

import json
import tempfile
from pathlib import Path

import pytest
from faults.emulated import until
from support.put_log import PutLog

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

BLOCKS = 12
PLACEMENTS = ['{ labels: { rack: "7" } }', "{ host: c }", '{ labels: { rack: "6" } }']
WHERE = ["KEYC", "KEYC", "KEYB"]


@pytest.fixture
def own_disks():
    """Return a folder with a short name: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="bpd-", dir="/tmp") as folder:
        yield Path(folder)


def test_volumes_go_where_the_labels_say(
    own_disks, network, monkeypatch, serve, fleet, disks, check
):
    log, network.disks = PutLog(monkeypatch), own_disks
    server = serve(host=network.services, verify_signatures=False)
    hosts = fleet(server, network=network)
    for number, name in enumerate("abc", 1):  # two at once may be too much for a busy machine
        hosts.start_node(name)
        until(lambda number=number: len(hosts.listed()) == number, 60)
    describing = {name: hosts.describe_node(name, f"rack={rack}") for name, rack in ("b6", "c7")}
    until(lambda: {"b", "c"} <= hosts.listed().keys(), 60)

    job, paths = disks([BLOCKS] * 3, of_job=["allow_insecure_http: true"])
    text = job.read_text()
    for path, placement in zip(paths, PLACEMENTS, strict=True):
        text = text.replace(f"{path}\n", f"{path}\n    placement: {placement}\n")
    job.write_text(text)
    out, err = hosts.drive(job, "--output", "json").communicate(timeout=120)
    volumes = json.loads(out)["volumes"]
    snapshots = [each["snapshot_id"] for each in volumes]
    put_by = {each: {put.who for put in log.puts if put.snapshot_id == each} for each in snapshots}
    assert [put_by[each] for each in snapshots] == [{who} for who in WHERE], err
    for snapshot, path in zip(snapshots, paths, strict=True):
        check(server, snapshot, path)

    describing["c"].terminate()
    describing["c"].communicate(timeout=30)
    assert {"b", "c"} & hosts.listed().keys() == {"b"}, "it has them for as long as that runs"
