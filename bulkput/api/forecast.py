"""The parts of a forecast, for whoever shows it."""

from bulkput.jobs.plan.forecast import (
    Cost,
    EncryptionBasis,
    FailedForecast,
    JobForecast,
    Rates,
    VolumeForecast,
)
from bulkput.publish.price import PRICES_OF, LaterStep

__all__ = [
    "PRICES_OF",
    "Cost",
    "EncryptionBasis",
    "FailedForecast",
    "JobForecast",
    "LaterStep",
    "Rates",
    "VolumeForecast",
]
