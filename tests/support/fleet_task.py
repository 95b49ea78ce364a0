"""The fleet's task as a process: ``python -m support.fleet_task FILE``, which has an order in it.

Its quota and its mailbox are its own: what it is leased, nobody else is. Prints what became of it.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

from support.fleet_actors import Handle, Mailbox, Quota

from bulkput.fleet.volume_task import run_volume

_TESTS = Path(__file__).resolve().parents[1]


def start(order, path, *, key, puts_per_s):
    """Start a task; ``key`` is the access key of its puts."""
    path.write_bytes(pickle.dumps((order, puts_per_s)))
    return subprocess.Popen(
        [sys.executable, "-m", "support.fleet_task", str(path)],
        env={**os.environ, "PYTHONPATH": str(_TESTS), "AWS_ACCESS_KEY_ID": key, "RAY_TOKEN": "no"},
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(process, limit_s=60):
    """Return status and outcome of a task that ends."""
    out, _ = process.communicate(timeout=limit_s)
    return process.returncode, json.loads(out) if out else None


def children_of(pid, module="bulkput.fleet.volume_process"):
    """Return the processes of volumes that a task has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and module.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, IndexError):
            continue
    return found


if __name__ == "__main__":
    _order, _puts_per_s = pickle.loads(Path(sys.argv[1]).read_bytes())
    _end = run_volume(_order, Handle(Quota(_puts_per_s)), Handle(Mailbox()))
    sys.stdout.write(json.dumps(_end.outcome.as_dict()))
