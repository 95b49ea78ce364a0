"""Which part of a job is this run's, where the job is spread over several: every N-th volume. Pure.

For schedulers that start the same command N times and give each its number: AWS Batch's array
jobs, and Kubernetes' indexed jobs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bulkput.model.errors import UsageError

SHARDS_MAX = 10_000
"""The most that an array job of AWS Batch may have."""
_FORM = re.compile(r"([0-9]{1,9}|auto)(?:/([0-9]{1,9}))?")
_INDEX_VARIABLES = ("AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX")
"""AWS Batch, and Kubernetes with ``completionMode: Indexed``; both count from 0."""
_COUNT_VARIABLE = "AWS_BATCH_JOB_ARRAY_SIZE"
"""Kubernetes does not say how many there are: there it is ``auto/N``."""
_EXPECTED = "--shard: expected INDEX/COUNT, such as 3/40 (INDEX from 0), auto, or auto/COUNT"


@dataclass(frozen=True)
class Shard:
    """This run's part of a job."""

    index: int
    """From 0."""
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def has(self, volumes: Sequence[object]) -> list[bool]:
        """Return for each volume of the job, in its order, whether it is in this part."""
        return [number % self.count == self.index for number in range(len(volumes))]


def parse_shard(text: str, environ: Mapping[str, str]) -> Shard:
    """Return the part that ``text`` names: ``3/40``, ``auto`` or ``auto/40``.

    Args:
        text: As the flag has it.
        environ: Where the scheduler's numbers are, for ``auto``.

    Raises:
        UsageError: it names none, or the scheduler has set nothing.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or (form[1] != "auto" and form[2] is None):
        raise UsageError(f"{_EXPECTED}; not {text!r}")
    index = _index(environ) if form[1] == "auto" else int(form[1])
    count = _count(environ) if form[2] is None else int(form[2])
    if not 1 <= count <= SHARDS_MAX or not 0 <= index < count:
        raise UsageError(
            f"--shard: {index}/{count}: expected an index from 0 below the count, and a count of "
            f"at most {SHARDS_MAX:,}"
        )
    return Shard(index, count)


def _index(environ: Mapping[str, str]) -> int:
    for name in _INDEX_VARIABLES:
        if environ.get(name):
            return _number(name, environ)
    raise UsageError(
        f"--shard auto: none of {', '.join(_INDEX_VARIABLES)} is set: this is no array job of AWS "
        "Batch and no indexed job of Kubernetes"
    )


def _count(environ: Mapping[str, str]) -> int:
    if not environ.get(_COUNT_VARIABLE):
        raise UsageError(f"--shard auto: {_COUNT_VARIABLE} is not set: give the count, auto/COUNT")
    return _number(_COUNT_VARIABLE, environ)


def _number(name: str, environ: Mapping[str, str]) -> int:
    text = environ[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"--shard auto: {name} is {text!r}, and no number")
    return int(text)
