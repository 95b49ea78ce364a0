"""Every name that ``from bulkput import ...`` gives, and no other."""

from bulkput.api.copy import CopyOptions, copy
from bulkput.api.job import load_job, run
from bulkput.api.listen import OnEvent
from bulkput.api.options import UploadOptions
from bulkput.api.plan import plan
from bulkput.api.upload import upload
from bulkput.config.settings import Settings
from bulkput.config.tuning import TuningSettings
from bulkput.jobs.forecast import FailedForecast, JobForecast, VolumeForecast
from bulkput.model.errors import (
    BulkputError,
    ConfigError,
    CredentialsError,
    IntegrityError,
    LedgerError,
    ServiceError,
    SnapshotError,
    SourceError,
    TemporaryError,
)
from bulkput.model.events import (
    Event,
    GetRetried,
    Noted,
    PhaseChanged,
    PutRetried,
    VolumeEnded,
    VolumeStarted,
)
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress

__all__ = [
    "BulkputError",
    "ConfigError",
    "CopyOptions",
    "CredentialsError",
    "Event",
    "FailedForecast",
    "GetRetried",
    "IntegrityError",
    "JobForecast",
    "LedgerError",
    "Noted",
    "OnEvent",
    "Phase",
    "PhaseChanged",
    "Progress",
    "PutRetried",
    "ServiceError",
    "Settings",
    "SnapshotError",
    "SourceError",
    "TemporaryError",
    "TuningSettings",
    "UploadOptions",
    "VolumeEnded",
    "VolumeForecast",
    "VolumeOutcome",
    "VolumeStarted",
    "copy",
    "load_job",
    "plan",
    "run",
    "upload",
]
