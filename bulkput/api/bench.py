"""What this host, and the service from here, can do; no function of the library."""

from bulkput.jobs.bench.measure_host import HostReport, measure_host
from bulkput.jobs.bench.measure_service import ServiceReport, measure_service
from bulkput.jobs.bench.measured import Connecting, Measured
from bulkput.jobs.bench.random_file import grow, private_folder

__all__ = [
    "Connecting",
    "HostReport",
    "Measured",
    "ServiceReport",
    "grow",
    "measure_host",
    "measure_service",
    "private_folder",
]
