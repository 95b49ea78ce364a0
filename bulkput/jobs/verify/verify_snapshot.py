"""``bulkput verify``: a snapshot, read back, is compared with a source, a manifest, or both."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bulkput.config.service import ServiceSettings
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.lanes.pool import LanePool, open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_reader
from bulkput.jobs.session.connection import state_dir_of
from bulkput.jobs.session.open import open_snapshot_reader
from bulkput.jobs.session.shared_manifests import fetch_manifests
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.session.snapshots import require_snapshot_id
from bulkput.jobs.session.source import open_volume
from bulkput.jobs.verify.compare import CompareRequest, Findings, compare_snapshot, sample_text
from bulkput.jobs.verify.request import VerifyRequest
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.block import BLOCKS_PER_GIB, block_count
from bulkput.model.difference import Difference
from bulkput.model.disk_format import shared_decoder_note
from bulkput.model.errors import (
    ConfigError,
    IntegrityError,
    ManifestError,
    Problem,
)
from bulkput.model.events import Noted, Observer, PhaseChanged, VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.pipeline.own_thread import run_in_own_thread
from bulkput.pipeline.readback import Sample
from bulkput.pipeline.reference import ManifestReference, Reference, SourceReference
from bulkput.pipeline.retry import Retrier
from bulkput.source.source import Source

_SEEDS = 1 << 32


@dataclass(frozen=True)
class VerifyOutcome:
    """What became of a verification that came to its end."""

    snapshot_id: str
    compared_with: tuple[str, ...]
    """Paths."""
    block_count: int
    """Compared, holes that both sides have not counted."""
    total_blocks: int
    """Of the volume."""
    findings: Findings
    gets: dict[str, int]
    elapsed_s: float
    seed: int | None
    notes: tuple[str, ...] = ()

    @property
    def error(self) -> IntegrityError | None:
        """The error that the differences are, if there are any."""
        if not self.findings.range_count:
            return None
        return self.findings.error(self.snapshot_id, " and ".join(self.compared_with))

    @property
    def exit_code(self) -> int:
        """As documented: 7 on any difference."""
        return 0 if self.error is None else self.error.status

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object, without its list of differences."""
        error = self.error
        return {
            "status": "equal" if error is None else "different",
            "snapshot_id": self.snapshot_id,
            "compared_with": list(self.compared_with),
            "blocks": {
                "total": self.total_blocks,
                "compared": self.block_count,
                "different": self.findings.block_count,
            },
            "sample_seed": self.seed,
            "elapsed_s": round(self.elapsed_s, 3),
            "gets": self.gets,
            "notes": list(self.notes),
            "error": None if error is None else str(error),
            "exit_code": self.exit_code,
        }


async def verify_snapshot(
    settings: ServiceSettings,
    request: VerifyRequest,
    observer: Observer,
    on_difference: Callable[[Difference], None],
) -> VerifyOutcome:
    """Compare, and report every differing range in ascending order.

    Args:
        settings: Region, endpoint, tuning and state folder.
        request: What is compared.
        observer: Hears what happens.
        on_difference: Called for each differing range as soon as it is known where it ends.

    Raises:
        BulkputError: something could not be read.
    """
    require_snapshot_id(request.snapshot_id)
    if request.manifest is None and request.volume is None:
        await fetch_manifests(settings, request.snapshot_id)
    with contextlib.ExitStack() as stack:
        manifest = _open_manifest(settings, request)
        if manifest is not None:
            stack.enter_context(manifest)
        source = None
        if request.volume is not None:
            source = await run_in_own_thread(partial(open_volume, settings, request.volume))
            stack.callback(source.close)
        async with (
            open_snapshot_reader(settings, observer) as gets,
            open_lanes(parts_of_reader(settings, gets)) as lanes,
        ):
            return await _Verification(gets, request, source, manifest, lanes).run(on_difference)


def _open_manifest(settings: ServiceSettings, request: VerifyRequest) -> Manifest | None:
    path = request.manifest
    if path is None:
        if request.volume is not None:
            return None
        path = manifest_path(state_dir_of(settings), request.snapshot_id)
        if not path.exists():
            expected = (
                "expected --source PATH, --manifest FILE or both to compare with: there is no "
                f"manifest of {request.snapshot_id} in the state folder ({path})"
            )
            raise ConfigError((Problem("", expected),))
    manifest = Manifest.open(path, is_named=request.manifest is not None)
    if manifest.header.snapshot_id != request.snapshot_id:
        manifest.close()
        what = f"is the manifest of {manifest.header.snapshot_id}, not of {request.snapshot_id}"
        raise ManifestError(path, what)
    return manifest


@dataclass
class _Verification:
    """One comparison, and what is known of it so far."""

    gets: SnapshotReader
    request: VerifyRequest
    source: Source | None
    manifest: Manifest | None
    lanes: LanePool | None
    notes: list[str] = field(default_factory=list)

    async def run(self, on_difference: Callable[[Difference], None]) -> VerifyOutcome:
        gets, request = self.gets, self.request
        snapshot_id = request.snapshot_id
        progress = Progress(snapshot_id, phase=Phase.PREPARING, snapshot_id=snapshot_id)
        gets.observer.on_event(VolumeStarted(progress, ""))
        started_s = gets.clock.monotonic_s()
        retrier = gets.new_retrier()
        live = await self._completed(retrier)
        references = tuple(self._references(live))
        total = max(reference.block_count for reference in references)
        if live is not None:
            total = live.volume_size_gib * BLOCKS_PER_GIB
        progress.begin_blocks(max(reference.block_count for reference in references))
        sample = None
        if request.sample_bytes is not None:
            seed = gets.random.randrange(_SEEDS) if request.seed is None else request.seed
            sample = Sample(block_count(request.sample_bytes), seed)
        progress.phase = Phase.VERIFYING
        gets.observer.on_event(PhaseChanged(snapshot_id, Phase.VERIFYING))
        findings = Findings()

        def take(difference: Difference) -> None:
            findings.take(difference)
            on_difference(difference)

        compared = await compare_snapshot(
            gets,
            retrier,
            CompareRequest(
                references,
                on_difference=take,
                memory_budget_bytes=gets.tuning.memory_budget_bytes,
                sample=sample,
                lanes=self.lanes,
            ),
            progress,
            live=live,
        )
        if self.source is not None:
            if sample is None:
                ending = await gets.workers.run(self.source.check_complete)
                self.notes += [] if ending is None else [ending]
            await gets.workers.run(self.source.check_unchanged)
            shared = shared_decoder_note(self.source.format)
            self.notes += [] if shared is None else [shared]
        if sample is not None:
            self.notes.append(sample_text(compared, sample))
        return VerifyOutcome(
            snapshot_id=snapshot_id,
            compared_with=tuple(self._paths()),
            block_count=compared,
            total_blocks=total,
            findings=findings,
            gets=progress.get_counts,
            elapsed_s=gets.clock.monotonic_s() - started_s,
            seed=None if sample is None else sample.seed,
            notes=tuple(self.notes),
        )

    def _references(self, live: SnapshotState | None) -> list[Reference]:
        references: list[Reference] = []
        encrypted = live is not None and live.encrypted
        if self.source is not None:
            references.append(SourceReference(self.source, encrypted=encrypted))
        if self.manifest is not None:
            references.append(ManifestReference(self.manifest))
        return references

    def _paths(self) -> list[str]:
        opened = (self.source, self.manifest)
        return [str(each.path) for each in opened if each is not None]

    async def _completed(self, retrier: Retrier) -> SnapshotState | None:
        """Return what EC2 reports of the snapshot; None if it may not be asked.

        Raises:
            SnapshotError: it is not completed, or not there.
        """
        snapshot_id = self.request.snapshot_id
        live = await self.gets.snapshots(retrier, snapshot_id).describe_completed(snapshot_id)
        if live is None:
            text = (
                "ec2:DescribeSnapshots is not allowed, so it is not known whether the snapshot "
                "is encrypted: missing blocks are assumed to read as zeros"
            )
            self.notes.append(text)
            event = Noted(self.request.snapshot_id, text, warning=True)
            self.gets.observer.on_event(event)
        return live
