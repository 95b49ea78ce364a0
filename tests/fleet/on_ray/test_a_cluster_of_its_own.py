"""`bulkput fleet run --address local`: the one test with Ray in every run of the suite.

A cluster takes some ten seconds to start and to end, so all the rest is for `pytest -m fleet`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.s3_server import s3_server
from support.whole import ENVIRONMENT

NO_CLUSTER = "no cluster can be used there"


def sessions():
    """Return the folders of clusters that Ray was started in."""
    return set(Path("/tmp").glob("bulkput-*/session_latest"))


def module_folder(folder):
    """Return a folder that no process may import from; who does leaves a mark there."""
    folder.mkdir()
    for name in ("bulkput", "numpy", "click", "msgpack"):
        (folder / f"{name}.py").write_text(f"open('{folder}/mark-{name}', 'w')\nraise SystemExit")
    return folder


def ray_starts(environment):
    """Return whether Ray by itself starts a cluster on this machine."""
    start = "import ray; ray.init('local', num_cpus=0, include_dashboard=False)"
    command = [sys.executable, "-P", "-c", start]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, timeout=150)
    return ended.returncode == 0


def test_a_job_is_uploaded_by_a_cluster_of_its_own(serve, disks, check, tmp_path):
    server = serve()
    job, paths = disks([5, 3])
    before = sessions()
    with s3_server() as s3:
        environment = {
            **ENVIRONMENT,
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path),
            "AWS_REGION": "us-east-1",
            "BULKPUT_ENDPOINT": server.url,
            **s3.environment(),
        }
        command = ["fleet", "run", str(job), "--address", "local", "--output", "json"]
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "bulkput", *command],
            check=False,
            cwd=(folder := module_folder(tmp_path / "working")),
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
    if NO_CLUSTER in ended.stderr and not ray_starts(environment):
        pytest.skip(f"Ray does not start on this machine: {ended.stderr.strip()}")
    assert not [*folder.glob("mark-*")], "the working folder's modules were imported"
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith("starting a cluster on this machine\n"), "it takes seconds"
    result = json.loads(ended.stdout)
    by_volume = {each["volume"]: each["snapshot_id"] for each in result["volumes"]}
    for path in paths:
        check(server, by_volume[path.name], path)
    assert sessions() <= before
    assert not (tmp_path / ".ray").exists()
