"""How many threads read and hash. Pure but for the machine's count of processors."""

import os

from bulkput.config.tuning import TuningSettings

_WORKERS_MAX = 4
"""One core hashes about 1.6 GB/s, three times what one snapshot accepts."""


def worker_count(tuning: TuningSettings) -> int:
    """Return how many, as configured or one for each CPU up to a bound."""
    return tuning.hash_workers or min(os.cpu_count() or 1, _WORKERS_MAX)
