"""Every name that ``from bulkput import ...`` gives, and no other."""

from bulkput.api.copy import CopyOptions, copy
from bulkput.api.download import DownloadOptions, download
from bulkput.api.job import load_job, run
from bulkput.api.observer import OnEvent
from bulkput.api.options import UploadOptions
from bulkput.api.plan import plan
from bulkput.api.publish import publish_job
from bulkput.api.upload import upload
from bulkput.api.verify import OnDifference, VerifyOptions, verify
from bulkput.config.settings import JobSettings, Settings
from bulkput.config.tuning import TuningSettings
from bulkput.jobs.download.outcome import DownloadOutcome
from bulkput.jobs.plan.forecast import FailedForecast, JobForecast, VolumeForecast
from bulkput.jobs.verify.verify_snapshot import VerifyOutcome
from bulkput.model.difference import Difference
from bulkput.model.errors import (
    BulkputError,
    ConfigError,
    CredentialsError,
    DestinationError,
    IntegrityError,
    LedgerError,
    ServiceError,
    SnapshotError,
    SourceError,
    TargetError,
    TemporaryError,
)
from bulkput.model.events import (
    Event,
    GetRetried,
    ImageEnded,
    Noted,
    PhaseChanged,
    PutRetried,
    VolumeEnded,
    VolumeStarted,
)
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.job_outcomes import JobOutcomes
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress

__all__ = [
    "BulkputError",
    "ConfigError",
    "CopyOptions",
    "CredentialsError",
    "DestinationError",
    "Difference",
    "DownloadOptions",
    "DownloadOutcome",
    "Event",
    "FailedForecast",
    "GetRetried",
    "ImageEnded",
    "ImageOutcome",
    "IntegrityError",
    "JobForecast",
    "JobOutcomes",
    "JobSettings",
    "LedgerError",
    "Noted",
    "OnDifference",
    "OnEvent",
    "Phase",
    "PhaseChanged",
    "Progress",
    "PutRetried",
    "ServiceError",
    "Settings",
    "SnapshotError",
    "SourceError",
    "TargetError",
    "TemporaryError",
    "TuningSettings",
    "UploadOptions",
    "VerifyOptions",
    "VerifyOutcome",
    "VolumeEnded",
    "VolumeForecast",
    "VolumeOutcome",
    "VolumeStarted",
    "copy",
    "download",
    "load_job",
    "plan",
    "publish_job",
    "run",
    "upload",
    "verify",
]
