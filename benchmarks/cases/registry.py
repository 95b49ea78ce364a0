"""All cases, in the order in which they run: one table."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.cases import (
    clients,
    fleet,
    forecast,
    formats,
    increment,
    lanes,
    lanes_reading,
    latency_step,
    link_step,
    memory,
    narrow_link,
    quota_cut,
    quota_hold,
    reading_back,
    sinks,
    sparse_huge,
    startup,
    two_volumes,
    zero_scan,
)
from benchmarks.report.result import CaseResult


@dataclass(frozen=True)
class Case:
    """One case: its name on the command line, one line about it, and how it runs."""

    name: str
    about: str
    run: Callable[[Bench], CaseResult]


_ALL = (
    Case("clients_tls", "CPU per GiB and wall time of all clients over TLS", clients.run_tls),
    Case("clients_plain", "the same over plain http", clients.run_plain),
    Case("download", "CPU per GiB of a download, beside boto3", reading_back.run_download),
    Case("verify", "CPU per GiB of a comparison, beside boto3", reading_back.run_verify),
    Case("quota_hold_http", "1000 puts/s held over http", quota_hold.run_http),
    Case("quota_hold_https", "400 puts/s held over https", quota_hold.run_https),
    Case("quota_cut", "a quota cut from 1000 to 300 puts/s and restored", quota_cut.run),
    Case("latency_step", "latency from 20 to 300 ms and back", latency_step.run),
    Case("narrow_link", "links of 100 kB/s to 12.5 MB/s, against the ideal", narrow_link.run),
    Case("link_step", "a link that narrows to a twelfth and comes back", link_step.run),
    Case("lanes", "one snapshot put by 1, 2 and 4 processes, and by auto", lanes.run),
    Case(
        "lanes_reading",
        "one snapshot verified, downloaded and copied by 1 and 2 processes, and by auto",
        lanes_reading.run,
    ),
    Case("two_volumes", "two volumes sharing an account quota of 600 puts/s", two_volumes.run),
    Case("memory", "peak RSS over 8 GiB of random data", memory.run),
    Case("sparse_huge", "15 TiB with 1 GiB of scattered data", sparse_huge.run),
    Case("increment", "1% changed: puts and time against a full snapshot", increment.run),
    Case("zero_scan", "written zeros scanned per second", zero_scan.run),
    Case("formats", "the same disk in every format that is read, beside raw", formats.run),
    Case("sinks", "CPU of an upload with every sink on, beside one without", sinks.run),
    Case("forecast", "bulkput bench's forecast of an upload, beside it", forecast.run),
    Case("fleet", "a fleet of one machine beside run: time, CPU, memory", fleet.run),
    Case("startup", "time to the help and to the first put", startup.run),
)

CASES = {case.name: case for case in _ALL}
