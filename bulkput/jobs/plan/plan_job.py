"""What a job would put and cost: its sources are read, and nothing is sent to anybody."""

import os
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.plan.encryption import (
    FIT_FOR_ENCRYPTION,
    resolve_zeros,
    will_be_encrypted,
)
from bulkput.jobs.plan.forecast import (
    EncryptionBasis,
    FailedForecast,
    JobForecast,
    Rates,
    Resumed,
    VolumeForecast,
)
from bulkput.jobs.plan.later_steps import later_steps
from bulkput.jobs.plan.parent import KnownParent, parent_for_new
from bulkput.jobs.plan.resumable_upload import Earlier, find_earlier
from bulkput.jobs.plan.watch import OnProgress, VolumeWatch
from bulkput.jobs.session.rate_limits import configured_rate_limits
from bulkput.jobs.session.samples import with_samples
from bulkput.jobs.session.source import examine_volume, open_to_look
from bulkput.jobs.session.threads import worker_count
from bulkput.jobs.state.host_speed import kept_host_speed
from bulkput.jobs.state.upload_at_hand import configured_region
from bulkput.jobs.upload import rules
from bulkput.jobs.upload.resume_decision import EarlierAnswer, decide_answer
from bulkput.ledger.folder import default_state_dir, ensure_state_dir
from bulkput.ledger.ledger import Ledger
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import BulkputError
from bulkput.model.events import NullObserver, Observer
from bulkput.pipeline.baseline import Baseline
from bulkput.pipeline.survey import SurveyPolicy, Tally, survey_blocks
from bulkput.pipeline.workers import ThreadWorkers, Workers
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.source import Source
from bulkput.source.zero import LengthenedSource

_FAST_WINDOW_BLOCKS = 8_192
"""Nothing is read: as many records of a ledger as are looked at a time anyway."""


_NOBODY = NullObserver()


async def plan_job(
    settings: JobSettings,
    *,
    by_extents: bool,
    on_progress: OnProgress,
    observer: Observer = _NOBODY,
) -> JobForecast:
    """Forecast every volume of the job, one after the other.

    Args:
        settings: As for a run. Samples for a rehearsal are made, as a run would.
        by_extents: Read nothing; the file system reports where data is.
        on_progress: Called in the event loop.
        observer: Hears how far each volume is.

    Raises:
        BulkputError: what concerns the job as a whole.
    """
    tuning = settings.tuning
    state_dir = settings.state_dir or default_state_dir(os.environ)
    rates = Rates(
        rate_limits=configured_rate_limits(tuning),
        are_published=None in (tuning.puts_per_s_snapshot, tuning.puts_per_s_account),
        usd_per_thousand_puts=settings.usd_per_thousand_puts,
        parallel=settings.parallel,
        host=kept_host_speed(state_dir),
    )
    # Each thread holds one window.
    workers = ThreadWorkers(
        1
        if by_extents
        else min(worker_count(tuning), tuning.memory_budget_bytes // tuning.window_bytes)
    )
    with closing(workers):
        if any(volume.source.sample_bytes for volume in settings.volumes):
            ensure_state_dir(state_dir)
            settings = await workers.run(partial(with_samples, settings, state_dir))
        planner = _Planner(settings, state_dir, rates, workers, by_extents, on_progress, observer)
        forecasts = tuple([await planner.plan(volume) for volume in settings.volumes])
        steps = tuple(later_steps(settings, forecasts))
        return JobForecast(forecasts, rates, by_extents, steps)


_NOT_THE_ANSWER = (
    "{} is of an earlier run and is kept: the source holds something else now, or was not compared"
)
_STORE_NOT_ASKED = (
    "{} is not asked: if another host has begun this upload, a run puts the rest of it, and finds "
    "the series and manifests of other hosts"
)


class _Planner:
    """What the volumes share."""

    def __init__(
        self,
        settings: JobSettings,
        state_dir: Path,
        rates: Rates,
        workers: Workers,
        by_extents: bool,  # noqa: FBT001 - one caller, beside its definition
        on_progress: OnProgress,
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._rates = rates
        self._workers = workers
        self._by_extents = by_extents
        self._on_progress = on_progress
        self._observer = observer

    async def plan(self, volume: VolumeSettings) -> VolumeForecast | FailedForecast:
        """Forecast one volume; what would fail a run of it is returned instead."""
        watch = VolumeWatch(self._observer, self._on_progress, volume)
        forecast: VolumeForecast | FailedForecast
        try:
            forecast = await self._plan(volume, watch)
        except BulkputError as error:
            shown = volume.source.shown
            forecast = FailedForecast(volume.label, shown, str(error), int(error.status))
        watch.end(forecast)
        return forecast

    async def _plan(self, volume: VolumeSettings, watch: VolumeWatch) -> VolumeForecast:
        source, running = await self._open(volume)
        with ExitStack() as stack:
            stack.callback(source.close)
            rules.require_source_fits(volume, source.path, source.size_bytes)
            size_bytes, parent_gib = source.size_bytes, 0
            earlier = find_earlier(self._settings, volume, source, self._state_dir, os.environ)
            content = await self._workers.run(partial(examine_volume, source, volume))
            notes = [] if running is None else [running]
            notes += [] if earlier is None else earlier.notes
            if earlier is not None and not await self._is_gone_on_with(volume, source, earlier):
                notes += [_NOT_THE_ANSWER.format(earlier.header.snapshot_id)] * earlier.only_waits
                earlier = None
            if earlier is None and self._settings.state_store is not None:
                notes.append(_STORE_NOT_ASKED.format(self._settings.state_store))
            parent = self._wanted_parent(volume) if earlier is None else earlier.parent
            if parent is not None:
                notes += [parent.note] if parent.note else []
                parent_gib = parent.volume_size_gib
                if parent.stop > source.block_count:
                    source = LengthenedSource(source, parent.stop)
            notes += content.notes
            basis, zeros = resolve_zeros(volume, earlier, parent)
            ledger = None if earlier is None else earlier.open(zeros.policy)
            if ledger is not None:
                stack.callback(ledger.close)
            tally, reading_s = await self._survey(
                watch,
                source,
                zeros,
                earlier,
                ledger,
                None if parent is None else parent.manifest,
            )
            if not self._by_extents and not (earlier is not None and earlier.only_waits):
                ending = await self._workers.run(source.check_complete)
                notes += [] if ending is None else [ending]
        compares = earlier is not None and not (earlier.trusted or earlier.only_waits)
        looks_away = self._by_extents and bool(tally.data)
        return VolumeForecast(
            volume=volume.label,
            source=str(source.path),
            source_format=source.format,
            source_size_bytes=source.size_bytes,
            volume_size_gib=rules.volume_size_gib(volume, size_bytes, parent_gib),
            tally=tally,
            is_upper_bound=(looks_away and (compares or not zeros.put_zeros))
            or (parent is not None and (looks_away or parent.manifest is None)),
            zeros=zeros,
            encryption=basis,
            encrypted=will_be_encrypted(volume, earlier, parent),
            cost=self._rates.cost([tally.puts]),
            if_encrypted=self._rates.cost([source.block_count])
            if basis is EncryptionBasis.ACCOUNT and volume.zeros in FIT_FOR_ENCRYPTION
            else None,
            reading_s=reading_s,
            resumed=None if earlier is None else _resumed(earlier),
            parent_snapshot_id=None if parent is None else parent.snapshot_id,
            notes=tuple(notes),
        )

    async def _open(self, volume: VolumeSettings) -> tuple[Source, str | None]:
        look = partial(open_to_look, self._settings, volume, self._state_dir)
        return await self._workers.run(look)

    async def _is_gone_on_with(
        self, volume: VolumeSettings, source: Source, earlier: Earlier
    ) -> bool:
        """Return whether a run goes on with the snapshot, or finds it to be the answer already."""
        if not earlier.only_waits:
            return earlier.goes_on
        _, zeros = resolve_zeros(volume, earlier, earlier.parent)
        answer = decide_answer(
            earlier.header, source, resume=volume.resume, zero_policy=zeros.policy
        )
        if answer is not EarlierAnswer.COMPARE or self._by_extents:
            return answer is EarlierAnswer.REPORT
        manifest = None if earlier.parent is None else earlier.parent.manifest
        policy = self._policy(zeros, trust_ledger=False, stops_at_put=True)
        with ExitStack() as stack:
            if source.is_sequential:  # it is read once more for the forecast, if it differs
                source, _ = await self._open(volume)
                stack.callback(source.close)
            whole = LengthenedSource(source, max(source.block_count, earlier.header.block_count))
            ledger = stack.enter_context(earlier.open(zeros.policy))
            tally = await survey_blocks(
                whole, ledger, manifest, policy, self._workers, lambda _: None
            )
            if not tally.puts:
                await self._workers.run(source.check_complete)
        return not tally.puts

    def _policy(
        self, zeros: ResolvedZeros, *, trust_ledger: bool, stops_at_put: bool = False
    ) -> SurveyPolicy:
        tuning = self._settings.tuning
        return SurveyPolicy(
            zeros=zeros,
            trust_ledger=trust_ledger,
            window_blocks=_FAST_WINDOW_BLOCKS
            if self._by_extents
            else tuning.window_bytes // BLOCK_SIZE_BYTES,
            reads=not self._by_extents,
            stops_at_put=stops_at_put,
        )

    def _wanted_parent(self, volume: VolumeSettings) -> KnownParent | None:
        settings = self._settings
        return parent_for_new(
            volume,
            self._state_dir,
            endpoint_url=None if settings.endpoint == "aws" else settings.endpoint,
            region=configured_region(settings, os.environ),
        )

    async def _survey(
        self,
        watch: VolumeWatch,
        source: Source,
        zeros: ResolvedZeros,
        earlier: Earlier | None,
        ledger: Ledger | None,
        baseline: Baseline | None,
    ) -> tuple[Tally, float]:
        """Return the counts, and the seconds that it took."""
        if earlier is not None and earlier.only_waits:
            return Tally(resumed=source.block_count), 0.0
        policy = self._policy(zeros, trust_ledger=earlier is not None and earlier.trusted)
        began_s = time.monotonic()

        def on_progress(tally: Tally) -> None:
            watch.looked_at(tally.settled, source.block_count)

        tally = await survey_blocks(source, ledger, baseline, policy, self._workers, on_progress)
        return tally, time.monotonic() - began_s


def _resumed(earlier: Earlier) -> Resumed:
    return Resumed(
        snapshot_id=earlier.header.snapshot_id,
        folder=str(earlier.folder),
        trusted=earlier.trusted,
        only_waits=earlier.only_waits,
    )
