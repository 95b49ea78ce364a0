"""A job whose service never answers ends as a whole: one sentence, however many disks it has."""

import json
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
from support.web_server import WebServer

from bulkput.jobs.session.context import JobContext
from bulkput.model.errors import ConfigError, Problem, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pace.retry import POLICIES, RetryPolicy

COUNT = 12
LINES_MAX = 10


@pytest.fixture
def job(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a")
    monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / "state"))
    soon = RetryPolicy(base_s=0.01, cap_s=0.01, attempts_max=3)
    classes = (FailureClass.NO_SUCH_HOST, FailureClass.UNREACHABLE)
    monkeypatch.setattr(
        "bulkput.pace.retry.POLICIES", dict(POLICIES) | dict.fromkeys(classes, soon)
    )

    def write(**keys):
        for number in range(COUNT):
            (tmp_path / f"disk-{number}.img").write_bytes(b"x" * 512)
        volumes = [
            {"source": {"path": f"disk-{each}.img", "format": "raw"}} for each in range(COUNT)
        ]
        path = tmp_path / "job.yaml"
        path.write_text(json.dumps({"version": 1, "volumes": volumes} | keys))
        return path

    return write


class Page(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_region_that_does_not_exist(bulkput, job, parallel):
    done = bulkput("run", job(region="eu-wst-1", parallel=parallel))
    assert done.status == 3, done.err
    assert done.err.splitlines()[-1].startswith("bulkput: error: StartSnapshot failed after 3")
    assert "is eu-west-1 meant?" in done.err
    assert done.err.count("trying again") == 2, done.err
    assert len(done.err.splitlines()) <= LINES_MAX, done.err


@pytest.mark.parametrize("parallel", [1, 2])
def test_an_endpoint_that_is_a_web_server(bulkput, job, parallel):
    with WebServer(Page) as server:
        done = bulkput("run", job(region="us-east-1", endpoint=server.url, parallel=parallel))
    assert done.status == 3, done.err
    assert f"expected the AWS API at {server.url}" in done.err.splitlines()[-1]
    assert len(done.err.splitlines()) <= LINES_MAX, done.err


def test_a_check_of_it_asks_no_more(bulkput, job):
    checked = bulkput("check", job(region="eu-wst-1"), "--output=json")
    assert checked.status == 3
    names = [each["name"] for each in checked.object["checks"]]
    assert names[-3:] == ["region and endpoint", "ec2:DescribeSnapshots", "clock and other calls"]


NO_HOST = ServiceError("StartSnapshot", FailureClass.NO_SUCH_HOST, "")


@pytest.mark.parametrize(
    ("error", "volumes", "has_answered", "ends"),
    [
        (NO_HOST, 2, False, True),
        (NO_HOST, 2, True, False),
        (NO_HOST, 1, False, False),
        (ServiceError("StartSnapshot", FailureClass.PROXY_REFUSED, ""), 2, False, True),
        (ServiceError("StartSnapshot", FailureClass.TRANSIENT, ""), 2, False, False),
        (ConfigError((Problem("endpoint", ""),)), 2, False, True),
        (ConfigError((Problem("HTTPS_PROXY", ""),)), 2, False, True),
        (ConfigError((Problem("source", ""),)), 2, False, False),
    ],
)
def test_the_failure_of_one_disk_ends_the_job_where_all_would_meet_it(
    error, volumes, has_answered, ends
):
    job = SimpleNamespace(
        settings=SimpleNamespace(volumes=range(volumes)),
        service=SimpleNamespace(has_answered=has_answered),
        is_without_service=lambda met: JobContext.is_without_service(job, met),
    )
    assert JobContext.concerns_all_volumes(job, error) is ends
