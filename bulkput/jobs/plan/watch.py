"""How far the forecast of a volume is, for whoever listens."""

import time
from collections.abc import Callable

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.plan.forecast import FailedForecast, VolumeForecast
from bulkput.model.events import Observer, VolumeEnded, VolumeStarted
from bulkput.model.outcome import PLANNED, VolumeOutcome
from bulkput.model.progress import Phase, Progress

OnProgress = Callable[[str, float], None]
"""Called with a volume's name, and the share of its blocks that have been looked at."""


class VolumeWatch:
    """Tells of one volume from its begin to its end."""

    def __init__(self, observer: Observer, on_progress: OnProgress, volume: VolumeSettings) -> None:
        """Tell that the volume is taken up."""
        self._observer = observer
        self._on_progress = on_progress
        self._source = volume.source.shown
        self._progress = Progress(volume.label, phase=Phase.READING)
        self._began_s = time.monotonic()
        observer.on_event(VolumeStarted(self._progress, self._source))

    def looked_at(self, block_count: int, total: int) -> None:
        """Take note of how many blocks have been looked at."""
        self._progress.blocks_total, self._progress.blocks_read = total, block_count
        self._on_progress(self._progress.volume, block_count / total)

    def end(self, forecast: VolumeForecast | FailedForecast) -> None:
        """Tell that the forecast is there."""
        failed = isinstance(forecast, FailedForecast)
        self._progress.phase = Phase.FAILED if failed else Phase.DONE
        outcome = VolumeOutcome(
            volume=self._progress.volume,
            source=self._source,
            status="failed" if failed else PLANNED,
            elapsed_s=time.monotonic() - self._began_s,
            blocks=self._progress.block_counts,
            puts=self._progress.put_counts,
            error=forecast.error if isinstance(forecast, FailedForecast) else None,
            exit_code=forecast.exit_code if isinstance(forecast, FailedForecast) else 0,
        )
        self._observer.on_event(VolumeEnded(outcome))
