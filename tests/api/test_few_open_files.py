"""A job of several volumes with as few open files as some machines allow."""

import subprocess
import sys

from support.served import BLOCK


def test_four_volumes_go_up_at_once_with_256_open_files(account, image, tmp_path):
    volumes = "".join(f"  - source: {image(f'few-{n}.img')}\n" for n in range(4))
    job = tmp_path / "job.yaml"
    job.write_text(
        f"version: 1\nregion: us-east-1\nendpoint: {account.url}\nstate_dir: state\nparallel: 4\n"
        f"tuning: {{window: {BLOCK}}}\nvolumes:\n{volumes}"
    )
    command = f"ulimit -n 256; exec {sys.executable} -m bulkput run job.yaml"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
