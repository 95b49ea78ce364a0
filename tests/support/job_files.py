"""Jobs of small images: their names, their snapshots, and how they are asked for."""

import dataclasses

from support.served import BLOCK

from bulkput import load_job, run
from bulkput.config.expansion import Inputs
from bulkput.config.load import load_settings

NAMES = ("a.img", "b.img", "c.img", "d.img", "e.img")


async def ids(path, **inputs):
    outcomes = await run(load_settings(path, environ={}, inputs=Inputs(**inputs)).settings)
    return {each.volume: each.snapshot_id for each in outcomes if not each.exit_code}


def requested(path, **changes):
    job = load_job(path, environ={})
    return job.requested(dataclasses.replace(job.request, **changes))


def with_size(text):
    return text.replace("snapshot: {", "snapshot: {volume_size_gib: 1, ")


def mend(job):
    """Write the disk that a job file's folder lacks: b.img."""
    (job.parent / "b.img").write_bytes(b"b" * BLOCK)
