"""Which part of a job is this run's, where the job is spread over several: every N-th volume. Pure.

For schedulers that start the same command N times and give each its number: AWS Batch's array
jobs, and Kubernetes' indexed jobs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.config.tuning import TuningSettings  # pydantic is not for --help

SHARDS_MAX = 10_000
"""The most that an array job of AWS Batch may have."""
_FORM = re.compile(r"([0-9]{1,9}|auto)(?:/([0-9]{1,9}))?")
_BATCH = "AWS_BATCH_JOB_ARRAY_INDEX"
_INDEXES = (_BATCH, "JOB_COMPLETION_INDEX")
"""AWS Batch, and Kubernetes with ``completionMode: Indexed``; both count from 0."""
_BATCH_COUNT = "AWS_BATCH_JOB_ARRAY_SIZE"
"""Kubernetes does not say how many there are: there it is ``auto/N``."""
_OF_ALL = ("puts_per_s_account", "gets_per_s_account", "bytes_per_s")
"""Keys of rates that all volumes of a job have together."""
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

    def tuning(self, tuning: "TuningSettings", share: float | None = None) -> "TuningSettings":
        """Return what this part may use of what the whole job may: all parts use no more together.

        Args:
            tuning: The job's.
            share: The part's own of the account's quotas; None is one of as many as there are.
        """
        part = 1 / self.count if share is None else share
        rates: dict[str, float] = {
            name: type(rate)(rate * part)
            for name in _OF_ALL
            if (rate := getattr(tuning, name)) is not None
        }
        rates["quota_share"] = tuning.quota_share * part if share is None else share
        return tuning.model_copy(update=rates)


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
    count = None if form[2] is None else int(form[2])
    index, count = _of_scheduler(count, environ) if form[1] == "auto" else (int(form[1]), count)
    if count is None:
        raise UsageError(
            "--shard auto: nothing says how many parts there are: give the count, auto/COUNT"
        )
    if not 1 <= count <= SHARDS_MAX or not 0 <= index < count:
        raise UsageError(
            f"--shard: {index}/{count}: expected an index from 0 below the count, and a count of "
            f"at most {SHARDS_MAX:,}"
        )
    return Shard(index, count)


def _of_scheduler(count: int | None, environ: Mapping[str, str]) -> tuple[int, int | None]:
    """Return the index that the scheduler has set, and the count: its own, or the given one."""
    found = {name: _number(name, environ) for name in _INDEXES if environ.get(name)}
    if not found:
        raise UsageError(
            f"--shard auto: none of {', '.join(_INDEXES)} is set: this is no array job of AWS "
            "Batch and no indexed job of Kubernetes"
        )
    if len(set(found.values())) > 1:
        both = " and ".join(f"{name} is {index}" for name, index in found.items())
        raise UsageError(f"--shard auto: {both}: give the one that is meant, as INDEX/COUNT")
    index = next(iter(found.values()))
    if _BATCH not in found or not environ.get(_BATCH_COUNT):
        return index, count
    size = _number(_BATCH_COUNT, environ)
    if count not in (None, size):
        raise UsageError(
            f"--shard auto/{count}: {_BATCH_COUNT} is {size}: with another count volumes would be "
            "left out, or some parts would have none"
        )
    return index, size


def _number(name: str, environ: Mapping[str, str]) -> int:
    text = environ[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"--shard auto: {name} is {text!r}, and no number")
    return int(text)
