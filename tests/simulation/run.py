"""One run of the real engine on a virtual clock, from its start to its end, death or stop."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

import pytest
from simulation.contents import CachedHashlib
from simulation.machine import SimulatedLocks, SimulatedOs, SimulatedWorkers
from virtual_time import run_virtual

from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import RateLimits
from bulkput.jobs.session.source import Opening
from bulkput.jobs.state.delivery import mark_delivered
from bulkput.jobs.upload import ledger as upload_ledger
from bulkput.jobs.upload import volume
from bulkput.ledger import folder as folder_module
from bulkput.ledger import ledger as ledger_module
from bulkput.ledger import lock as lock_module
from bulkput.ledger import manifest_writer as manifest_writer_module
from bulkput.ledger import segments as segments_module
from bulkput.ledger import state_file as state_file_module
from bulkput.ledger import storage as storage_module
from bulkput.ledger import table as table_module
from bulkput.model.clock import LoopClock
from bulkput.model.events import NullObserver
from bulkput.model.exit_code import ExitCode
from bulkput.pace.pacer import AccountPacer
from bulkput.pipeline import hashing

OTHERS = "others"
"""The name of tasks that belong to no run: what other processes do meanwhile."""

RUN_LIMIT_S = 4 * 3600.0
"""Three hours are what an hour's wait for the end, 15 minutes a call and pauses add up to."""


@contextlib.contextmanager
def engine_on(machine, open_source):
    """Put the machine under the engine: its disk, its boot id, its source."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (state_file_module, storage_module, table_module):
            patch.setattr(module, "os", SimulatedOs(machine))
        for module in (folder_module, lock_module, manifest_writer_module, segments_module):
            patch.setattr(module, "os", SimulatedOs(machine))
        patch.setattr(lock_module, "fcntl", SimulatedLocks(machine))
        patch.setattr(lock_module, "write_all", lambda *_: None)
        patch.setattr(ledger_module, "boot_id", machine.boot_id)
        patch.setattr(hashing, "hashlib", CachedHashlib)
        patch.setattr(volume, "opening_of", lambda *_: Opening(open_source))
        patch.setattr(upload_ledger.secrets, "token_hex", lambda _: machine.nonce())
        yield


@dataclass
class Ended:
    """How a run ended."""

    outcome: object
    """None if it was stopped or died."""
    elapsed_s: float
    line: object
    story: list = field(default_factory=list)


class Stop:
    """SIGTERM, at a tick or at a time."""

    def __init__(self):
        self.task = None
        self.line = None

    def __call__(self):
        if self.task is None or self.line.stopped_s != float("inf"):
            return
        loop = asyncio.get_running_loop()
        self.line.stopped_s = loop.time()
        loop.call_soon(self.task.cancel)


def run_engine(*parties, **circumstances):
    """Upload as ``upload`` does, in a loop of its own; returns when the process has ended."""
    return run_virtual(upload(*parties, **circumstances))


async def upload(
    settings,
    machine,
    line,
    stop,
    *,
    worker_delay_s,
    unix_s,
    stop_at_s=None,
    delivers=True,
    meanwhile=lambda: None,
    state_store=lambda: None,
):
    """Upload the one volume of ``settings``.

    Without ``delivers`` nobody gets the result.

    Whatever the engine must never do is in ``machine.violations``.
    """
    loop = asyncio.get_running_loop()
    meanwhile()
    loop.set_exception_handler(
        lambda _, context: machine.violate(f"unhandled: {context['message']}: {context}")
    )
    tuning = settings.tuning
    rate_limits = RateLimits(tuning.puts_per_s_snapshot, tuning.puts_per_s_account)
    context = JobContext(
        settings=settings,
        service=line,
        endpoint_url=None,
        state_dir=machine.folder,
        rate_limits=rate_limits,
        account=AccountPacer(rate_limits.account_puts_per_s),
        workers=SimulatedWorkers(tuning.hash_workers, machine, worker_delay_s),
        clock=LoopClock(unix_epoch_s=unix_s),
        random=random.Random(line.weather.seed),
        observer=NullObserver(),
        state_store=state_store(),
    )
    stop.line = line
    stop.task = task = asyncio.create_task(volume.upload_volume(context, settings.volumes[0]))
    if stop_at_s is not None:
        loop.call_later(stop_at_s, stop)
    outcome = None
    try:
        async with asyncio.timeout(RUN_LIMIT_S):
            outcome = await task
        if delivers:
            mark_delivered((outcome,))
    except TimeoutError:
        machine.violate(f"a run took more than {RUN_LIMIT_S} s")
    except asyncio.CancelledError:
        if line.stopped_s == float("inf"):
            machine.violate("a run that nobody stopped was cancelled")
    except Exception as error:  # noqa: BLE001 - reported with what led to it
        machine.violate(f"a run ended by {error!r} at {_place(error)}")
    elapsed_s = loop.time()
    line.closed = True
    left = {task for task in asyncio.all_tasks() if task.get_name() != OTHERS}
    left.discard(asyncio.current_task())
    if left and not machine.dead:
        machine.violate(f"tasks are left behind: {left}")
    if outcome is not None:
        known = {int(code) for code in ExitCode} - {ExitCode.UNEXPECTED}
        if outcome.exit_code not in known:
            machine.violate(f"exit code {outcome.exit_code}: {outcome.error}")
    return Ended(None if machine.dead else outcome, elapsed_s, line)


def _place(error):
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
