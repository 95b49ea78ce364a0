"""The parts of a forecast, for whoever shows it."""

from bulkput.jobs.plan.forecast import (
    Cost,
    EncryptionBasis,
    FailedForecast,
    JobForecast,
    Rates,
    VolumeForecast,
)
from bulkput.publish.price import LaterStep

__all__ = [
    "Cost",
    "EncryptionBasis",
    "FailedForecast",
    "JobForecast",
    "LaterStep",
    "Rates",
    "VolumeForecast",
]
