"""Which volumes of a job have pending snapshots, as its record and the snapshots' tags show. Pure.

A run that was killed has noted nothing, and a snapshot may be without the tag (`mark: false`): so
both count.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bulkput.ebs.snapshot import FoundSnapshot
from bulkput.jobs.state.job_record import JobRecord
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY, folder_name


@dataclass(frozen=True)
class Recorded:
    """What earlier runs of a job noted."""

    reported: frozenset[str] = frozenset()
    """Snapshots of the last round, if that is over: the hosts that have their ledgers do not know
    that they were reported."""
    unfinished: Mapping[str, str] = field(default_factory=dict)
    """Snapshots of the round under way, by the folders of their ledgers."""


def recorded_of(record: JobRecord | None, *, is_fresh: bool) -> Recorded:
    """Return what a job's record holds; to a run that begins anew every round is over."""
    known = {} if record is None else record.volumes
    ids = {name: each.snapshot_id for name, each in known.items() if each.snapshot_id}
    if record is not None and (record.delivered or is_fresh):
        return Recorded(reported=frozenset(ids.values()))
    return Recorded(unfinished=ids)


def pending_by_upload(pending: Iterable[FoundSnapshot], recorded: Recorded) -> dict[str, str]:
    """Return the snapshots of uploads that are under way, by the folders of their ledgers.

    Args:
        pending: The account's, as EC2 shows them.
        recorded: Of the job. Sealed snapshots that were reported are pending for a while, too.
    """
    ids = {each.snapshot_id: each.tags.get(OWNER_TAG_KEY) for each in pending}
    tagged = {
        folder_name(tag): snapshot_id
        for snapshot_id, tag in ids.items()
        if tag is not None and snapshot_id not in recorded.reported
    }
    noted = {name: each for name, each in recorded.unfinished.items() if each in ids}
    return tagged | noted
