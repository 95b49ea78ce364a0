"""What an upload of one block imports: its start is half of what short runs take.

Counted in modules, not in seconds, which a busy machine changes: 790 modules took 0.46 CPU seconds,
1100 with botocore's session and clients 0.88.
"""

import os
import subprocess
import sys

import pytest

MODULES_MAX = 860
"""5% more than there are: 822 by Python 3.11.

Whoever adds many: does every upload need them at its start?
"""

OF_OTHERS = {
    "aiobotocore": "a credential chain",
    "botocore": "a credential chain",
    "bulkput.config.job_file": "a list of all keys",
    "bulkput.config.volumes_from": "a job file with inventories",
    "bulkput.jobs.lanes.copied_snapshot": "a copy",
    "bulkput.jobs.session.snapshot_reader": "a parent or a verification",
    "bulkput.source.image.chain": "an image",
    "bulkput.source.remote.open": "a remote disk",
    "bulkput.source.stream.open": "a stream",
    "cryptography": "nobody",
    "prometheus_client": "metrics",
    "rich": "a terminal",
    "ruamel.yaml": "a job file",
}
"""Modules, and who alone needs them."""

PROGRAM = """
import sys
from bulkput.cli.main import main
try:
    main()
finally:
    print(*sys.modules, file=open("modules", "w"))
"""


@pytest.fixture
def imported(program, tmp_path):
    """Run a verb on a disk of one block, and return the modules that there are at its end."""

    def imported(verb):
        disk = tmp_path / "disk.img"
        disk.write_bytes(os.urandom(524_288))
        command = [sys.executable, "-c", PROGRAM, *program.command(verb, disk)]
        subprocess.run(
            command,
            env=program.environment,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=60,
        )
        return set((tmp_path / "modules").read_text().split())

    return imported


def test_an_upload_of_one_block_imports_little(imported):
    modules = imported("upload")
    assert {name: who for name, who in OF_OTHERS.items() if name in modules} == {}
    assert len(modules) <= MODULES_MAX


def test_a_plan_that_asks_nobody_imports_no_client(imported):
    assert not {"aiohttp", "bulkput.ebs.service", *OF_OTHERS} & imported("plan")
