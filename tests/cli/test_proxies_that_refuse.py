"""A proxy that refuses is asked once a job, or once a host, whatever the job has: it counts."""

import json

import pytest
from support.connect_proxy import ConnectProxy

DISKS = {
    "one web server": "https://disks.example/disk-{}.img",
    "web servers": "https://disk-{}.example/disk.img",
    "s3": "s3://disks/disk-{}.img",
    "local": "disk-{}.img",
}
COUNT = 6
ALL_AT_ONCE = [pytest.param(kind, COUNT, id=kind) for kind in DISKS]


@pytest.fixture
def proxy(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / "state"))
    with ConnectProxy(1) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url("al:canary"))
        yield proxy


@pytest.fixture
def job(tmp_path):
    def write(disks, **keys):
        for number in range(COUNT):
            (tmp_path / f"disk-{number}.img").write_bytes(b"x" * 512)
        address = DISKS.get(disks, disks)
        volumes = [{"source": address.format(each)} for each in range(COUNT)]
        path = tmp_path / "job.yaml"
        path.write_text(
            json.dumps({"version": 1, "region": "us-east-1", "volumes": volumes} | keys)
        )
        return path

    return write


@pytest.mark.parametrize(("disks", "parallel"), [("web servers", 1), *ALL_AT_ONCE])
@pytest.mark.parametrize("refuses", [407, 403])
def test_a_job_of_many_disks(bulkput, proxy, job, disks, refuses, parallel):
    proxy.refuses = refuses
    done = bulkput("run", job(disks, parallel=parallel))
    if disks == "local":  # it is the way to the service that is refused: one sentence for all
        assert done.status == 4
        assert f"({refuses} " in done.err.splitlines()[-1]
        assert done.err.count("bulkput: error:") == 1
    else:
        assert done.status == 8
        for number in range(COUNT):
            assert f"disk-{number}" in done.err
        assert done.err.count(f"({refuses} ") >= COUNT
    hosts = [target for _, target in proxy.requests]
    if refuses == 407:
        assert len(hosts) == 1
    else:  # a rule of each host, of which no account can be locked
        assert len(hosts) == len(set(hosts)) <= 2 + (COUNT if disks == "web servers" else 0)


@pytest.mark.parametrize("verb", ["plan", "check"])
def test_verbs_that_only_look(bulkput, proxy, job, verb):
    proxy.refuses = 407
    bulkput(verb, job("web servers"))
    assert len(proxy.requests) <= 1


@pytest.mark.parametrize("refuses", [407, 403])
def test_a_check_permits_nothing_that_the_proxy_refuses(bulkput, proxy, job, refuses):
    proxy.refuses = refuses
    checked = bulkput("check", job("local"), "--output=json")
    assert checked.status == 4
    actions = [each for each in checked.object["checks"] if each["name"].startswith("ebs:")]
    assert actions
    assert {each["status"] for each in actions} <= {"failure", "warning"}
    assert "the proxy" in actions[0]["what"]


@pytest.mark.parametrize("refuses", [407, 403])
def test_disks_whose_calls_go_without_the_proxy(bulkput, proxy, job, monkeypatch, refuses):
    monkeypatch.setenv("NO_PROXY", ".amazonaws.com")
    proxy.refuses = refuses
    assert bulkput("run", job("one web server", parallel=COUNT)).status == 8
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("disks", ["http://disks.example/disk-{}.img", "s3://disks/disk-{}.img"])
def test_disks_that_the_proxy_itself_would_fetch(bulkput, proxy, job, monkeypatch, disks):
    monkeypatch.setenv("http_proxy", proxy.url("al:canary"))
    monkeypatch.setenv("NO_PROXY", ".amazonaws.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example")
    proxy.refuses = 407
    done = bulkput("run", job(disks, parallel=COUNT, allow_insecure_http=True))
    assert (done.status, done.err.count("(407 ") >= COUNT) == (8, True), done.err
    assert [method for method, _ in proxy.requests] == ["GET"]
