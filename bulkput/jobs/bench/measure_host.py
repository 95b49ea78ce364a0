"""The whole measurement of a host, one part after the other: none disturbs another."""

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bulkput.config.service import ServiceSettings
from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.api_client import SERVICES
from bulkput.ebs.aws_session import new_session
from bulkput.ebs.endpoint import aws_url, parse_endpoint
from bulkput.ebs.learned import Learned
from bulkput.jobs.bench.certificate import KeyPair, write_key_pair
from bulkput.jobs.bench.connecting import connect_times
from bulkput.jobs.bench.measured import Connecting, Measured, Processor, Putting, Reading
from bulkput.jobs.bench.processor import (
    memory_bytes_per_s,
    sha256_bytes_per_s,
    zero_scan_bytes_per_s,
)
from bulkput.jobs.bench.putting import FIRST_BYTES, Uploads
from bulkput.jobs.bench.random_file import private_folder
from bulkput.jobs.bench.reading import read_speed
from bulkput.jobs.bench.sink_process import running_sink
from bulkput.jobs.bench.tls import tls_bytes_per_s
from bulkput.jobs.bench.verdict import Verdict, verdict_of
from bulkput.jobs.session.rate_limits import configured_rate_limits
from bulkput.jobs.session.source import open_volume
from bulkput.jobs.session.threads import worker_count
from bulkput.jobs.state.host_speed import HostSpeed, host_facts, keep_host_speed
from bulkput.ledger.folder import default_state_dir
from bulkput.machine.processors import usable_processors
from bulkput.model.errors import BulkputError, MachineError
from bulkput.network.proxy import proxy_url
from bulkput.pipeline.own_thread import run_in_own_thread

_PROCESSES_MAX = 4
"""Four processes put more than one snapshot's quota on the slowest processor seen."""

_SOURCE_MIN_BYTES = 16 << 20
"""One request for each of four threads, of 4 MiB: less is read in a moment."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class Budgets:
    """How long each part may take; together less than a minute, on a busy host too."""

    processor_s: float = 0.8
    """For each of four measurements."""
    reading_s: float = 6.0
    upload_s: float = 12.0
    """For each of two uploads; the one of a single block takes a second."""
    first_bytes: int = FIRST_BYTES


@dataclass(frozen=True)
class HostReport:
    """What was measured, what it means, and what else is to be known."""

    measured: Measured
    verdict: Verdict
    kept: Path | None
    """The file that ``bulkput plan`` goes by; None if it could not be written."""

    def as_dict(self) -> dict[str, object]:
        """Return the documented JSON object."""
        kept = None if self.kept is None else str(self.kept)
        facts = {"status": "measured", "error": None, "exit_code": 0, "kept": kept}
        return {**facts, **self.verdict.as_dict(), "measured": self.measured.as_dict()}


async def measure_host(
    settings: JobSettings, note: Note, budgets: Budgets | None = None
) -> HostReport:
    """Measure, and keep the result for ``bulkput plan``.

    Args:
        settings: The source of its volume is read, if it has one; its endpoint or Region is
            connected to, if it names one.
        note: Hears what is being measured, and what could not be.
        budgets: None for the usual ones.

    Raises:
        SourceError: the source cannot be read.
        ConfigError: there is no such Region, or the server at the endpoint is not trusted.
        TemporaryError: the endpoint does not answer.
        MachineError: nothing can be put to a server on 127.0.0.1.
    """
    budgets = budgets or Budgets()
    load = os.getloadavg()[0]
    # What may fail by the user's mistake comes first: nobody waits for it.
    connecting = await _connecting(settings, note)
    reading = None
    for volume in settings.volumes:
        note(f"reading {volume.source.shown}")
        reading = await run_in_own_thread(partial(_reading, settings, volume, budgets.reading_s))
        if reading is None:
            note(f"{volume.source.shown} is too small for its speed to be measured")
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(private_folder(budgets.first_bytes))
        keys = write_key_pair(folder)
        note("measuring memory, zero scan, SHA-256 and TLS")
        processor = await asyncio.to_thread(_processor, keys, budgets.processor_s)
        sink = await stack.enter_async_context(running_sink(keys))
        uploads = Uploads(sink, folder, budget_s=budgets.upload_s, first_bytes=budgets.first_bytes)
        start_s = await uploads.start_s()
        putting = await _putting(uploads, note)
    measured = Measured(
        processors=usable_processors(),
        load=load,
        processor=processor,
        start_s=start_s,
        putting=putting,
        reading=reading,
        connecting=connecting,
        host=host_facts(),
    )
    verdict = verdict_of(measured, configured_rate_limits(settings.tuning))
    return HostReport(measured, verdict, _keep(settings, verdict, note))


async def _putting(uploads: Uploads, note: Note) -> tuple[Putting, ...]:
    note("uploading random data to a server on 127.0.0.1, by one process")
    one = await uploads.measure(1)
    processes = min(usable_processors(), _PROCESSES_MAX)
    if processes == 1:
        return (one,)
    note(f"the same by {processes} processes")
    return one, await uploads.measure(processes, processes * one.puts_per_s)


def _processor(keys: KeyPair, budget_s: float) -> Processor:
    try:
        tls = tls_bytes_per_s(keys.certificate, keys.key, budget_s)
    except ssl.SSLError as error:
        raise MachineError(
            f"Python's OpenSSL cannot encrypt as the service asks: {error}"
        ) from error
    return Processor(
        memory_bytes_per_s=memory_bytes_per_s(budget_s),
        zero_scan_bytes_per_s=zero_scan_bytes_per_s(budget_s),
        sha256_bytes_per_s=sha256_bytes_per_s(budget_s),
        tls_bytes_per_s=tls,
    )


def _reading(settings: JobSettings, volume: VolumeSettings, budget_s: float) -> Reading | None:
    with closing(open_volume(settings, volume)) as source:
        if source.size_bytes < _SOURCE_MIN_BYTES:
            return None
        return read_speed(source, worker_count(settings.tuning), budget_s)


async def _connecting(settings: ServiceSettings, note: Note) -> Connecting | None:
    """Measure the way to the endpoint, if one is named, or a Region."""
    if settings.endpoint == "embedded":
        return None
    session = new_session(settings.profile, Learned())
    config, service = session.config, SERVICES["ebs"]
    url = settings.endpoint_url or config.endpoint_url(service.configured_as)
    if url is None:
        if settings.region is None:
            return None
        url = aws_url(
            service.prefix,
            settings.region,
            is_fips=config.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            is_dual_stack=config.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
        )
    url = parse_endpoint(url, allow_insecure_http=settings.allow_insecure_http).url
    proxy = proxy_url(url)
    if proxy is not None:
        note(f"the way to {url} leads through a proxy and is not measured")
        return None
    note(f"connecting to {url}")
    trust = await session.trust.read() if url.startswith("https:") else None
    return await asyncio.to_thread(connect_times, url, settings.region, trust)


def _keep(settings: ServiceSettings, verdict: Verdict, note: Note) -> Path | None:
    speed = HostSpeed(verdict.host_snapshot_puts_per_s, verdict.host_all_puts_per_s, time.time())
    state_dir = settings.state_dir or default_state_dir(os.environ)
    try:
        return keep_host_speed(state_dir, speed)
    except BulkputError as error:
        note(f"the result is not kept for bulkput plan: {error}")
        return None
