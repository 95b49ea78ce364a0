"""The parts of a forecast, for whoever shows it."""

from bulkput.jobs.plan.forecast import (
    Cost,
    EncryptionBasis,
    FailedForecast,
    JobForecast,
    Rates,
    VolumeForecast,
)

__all__ = [
    "Cost",
    "EncryptionBasis",
    "FailedForecast",
    "JobForecast",
    "Rates",
    "VolumeForecast",
]
