"""The whole story of one upload, decided by one seed: its disk, its settings, its weather, its
deaths, until a run completes the snapshot."""

import random

import numpy as np
from simulation.disk import SimulatedSource
from simulation.fault_model import (
    DEATHS,
    log_uniform,
    make_rough,
    some_disk,
    some_number,
    some_script,
    some_settings,
)
from simulation.invariants import Proof
from simulation.line import Line
from simulation.machine import Machine
from simulation.run import Stop, engine_on, run_engine
from simulation.service import FIRST_UNIX_S, ModelService
from simulation.weather import Weather

from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import State
from bulkput.model.errors import BulkputError
from bulkput.model.zeros import ZeroPolicy

CALM_RUNS_MAX = 4
"""One that finds its snapshot spoilt by late puts, one that meets the source's change, two more."""


class History(Proof):
    """One upload's story; ``live`` lives it to its end."""

    def __init__(self, seed, folder):
        self.seed = seed
        self.random = random.Random(seed)
        self.is_hasty = seed % 4 == 3
        """A file on a calm sea, whose runs are all killed before they are through: each finds what
        the last ones left, and half of the time another source."""
        self.machine = Machine(folder, self.random)
        self.disk = some_disk(self.random, is_file=self.is_hasty)
        self.settings = some_settings(self.random, trusts=self.is_hasty)
        if self.disk.kind.kind == "stream":  # as the configuration demands
            volume = self.settings.volumes[0].model_copy(update={"verify": "none"})
            self.settings = self.settings.model_copy(update={"volumes": (volume,)})
        self.tuning = self.settings.tuning
        self.volume = self.settings.volumes[0]
        self.weather = Weather(seed)
        self.service = ModelService(
            self.weather, encrypts=self._encrypts(), shows_encryption=seed % 2 == 0
        )
        self.unix_s = FIRST_UNIX_S
        self.run_number = 0
        self.meanwhile = lambda: None
        """What others begin to do when a run begins."""
        self.sealed = {}
        self.changed = False
        self.contents = {}
        self.story = []
        self.outcomes = []

    def _encrypts(self):
        safe = self.volume.zeros in {ZeroPolicy.AUTO, ZeroPolicy.WRITE}
        return safe and self.random.random() < 0.3

    def live(self):
        """Run until the snapshot is completed; returns the last outcome.

        Raises:
            Violation: with the seed that repeats it.
        """
        turbulent = 12 if self.is_hasty else self.random.choice((0, 2, 4, 6, 8, 10))
        for _ in range(turbulent):
            self._make_rough()
            if self._go() == 0 and self.delivers:
                return self.outcomes[-1]
            if not self.is_hasty:
                self._pass_time()
            elif self.random.random() < 0.5:
                self._mutate()
        for _ in range(CALM_RUNS_MAX):
            self.run_number += 1
            self._calm()
            if self._go() == 0:
                return self.outcomes[-1]
            self.unix_s += 60.0
        self._fail(f"{CALM_RUNS_MAX} calm runs did not complete it: {self.outcomes[-1]}")
        raise AssertionError

    def _calm(self):
        self.weather = Weather(self.seed, self.run_number, latency_s=self.weather.latency_s)
        self.script = {}
        self.events = {}
        self.delivers = True
        self.stop = Stop()
        self.stop_at_s = None

    def _make_rough(self):
        """Decide the weather, the faults of disk and source, and the death of the next run."""
        rng = self.random
        self.run_number += 1
        self._calm()
        if self.is_hasty:
            self.crashes = rng.random() < 0.1
            longest = rng.choice((45, 40 + 4 * len(self.disk.blocks)))
            self.events[rng.randint(15, longest)] = self._die
            return
        make_rough(rng, self.weather)
        self.delivers = rng.random() < 0.7  # else the pipe that the result goes to is closed
        self.script = some_script(rng)
        if rng.random() < 0.15:
            self.events[log_uniform(rng, 600)] = self._mutate
        death = rng.choice(DEATHS)
        self.crashes = death == "crash" or rng.random() < 0.3
        if death in {"kill", "crash"}:
            self.crashes = death == "crash"
            self.events[self._some_tick()] = self._die
        elif death == "stop":
            at = self._some_tick()
            self.events[at] = self.stop
            if rng.random() < 0.3:
                self.events[at + log_uniform(rng, 40)] = self._die
        elif death == "stop late":
            self.stop_at_s = rng.random() * rng.choice((1.0, 10.0, 400.0))

    def _some_tick(self):
        """Return when to die: around the start, or anywhere in a run that puts every block."""
        if self.random.random() < 0.3:
            return log_uniform(self.random, 60)
        return self.random.randint(20, 40 + 5 * len(self.disk.blocks))

    def _die(self):
        self.machine.die(crash=self.crashes)
        self.service.settle(self.line.now_s())
        if self.crashes and self.changed:
            # The power cut may have brought back the mark of an older content that the source
            # shows again by now.
            for snapshot in self.service.snapshots.values():
                snapshot.crossed = True
        self.stop()

    def _mutate(self):
        """Change the disk in one of the ways in which disks change."""
        rng, disk = self.random, self.disk
        self.changed = True
        what = rng.random()
        if what < 0.1:
            disk.touch()
            return
        acknowledged = self._marked(State.ACKNOWLEDGED)
        spots = [
            spot
            for spot in (self._unanswered(acknowledged), acknowledged, range(len(disk.blocks)))
            if spot
        ]
        for _ in range(rng.choice((1, 2, 5))):
            index = rng.choice(rng.choice(spots))
            before = self.contents.setdefault(index, disk.blocks[index])
            again = rng.random() < 0.3
            disk.write(index, before if again else some_number(rng))

    def _marked(self, state):
        """Return the blocks that have ``state`` in the ledger on disk."""
        try:
            with Ledger.view(self._folder()) as ledger:
                count = min(ledger.header.block_count, len(self.disk.blocks))
                return np.flatnonzero(ledger.states(0, count) == state).tolist()
        except (BulkputError, StopIteration):
            return []

    def _unanswered(self, acknowledged):
        """Return the blocks that a pending snapshot has, and of which the engine cannot know."""
        stored = {
            index
            for snapshot in self.service.snapshots.values()
            if snapshot.state == "pending"
            for index in snapshot.blocks
            if index < len(self.disk.blocks)
        }
        return sorted(stored.difference(acknowledged))

    def _pass_time(self):
        """Between two runs: a pause, and what others do to the source and to the snapshot."""
        rng = self.random
        self.unix_s += rng.choice((0.1, 5.0, 60.0, 700.0, 20_000.0))
        if rng.random() < 0.05:
            self.unix_s += rng.random() * 4 * 86_400
        what = rng.random()
        if what < 0.6:
            if rng.random() < 0.5:
                self.disk.save()
            self._mutate()
        elif what < 0.65:
            self.disk.roll_back()
        elif what < 0.68:
            count = max(1, len(self.disk.blocks) + rng.choice((-3, -1, 1, 5)))
            self.disk.resize(count, some_number(rng))
        if rng.random() < 0.02:
            for snapshot_id in list(self.service.snapshots):
                self.service.delete(snapshot_id)
        if rng.random() < 0.1 and not self.service.encrypts:
            policy = rng.choice(list(ZeroPolicy))
            self.volume = self.volume.model_copy(update={"zeros": policy})
            self.settings = self.settings.model_copy(update={"volumes": (self.volume,)})

    def _go(self):
        """Make one run; returns its exit code, None if it was stopped or died."""
        machine, disk = self.machine, self.disk
        self.service.weather = self.weather
        self.service.settle(self.unix_s)
        disk.begin_run()
        self.line = Line(self.service, self.weather, machine, base_s=self.unix_s)
        self.settled = self._settled_before()
        self.sources = []
        self.line.on_put = self._check_put
        self.line.on_complete = self._check_complete
        machine.begin_run(self.script, self.events)
        with engine_on(machine, self._open_source):
            ended = run_engine(
                self.settings,
                machine,
                self.line,
                self.stop,
                worker_delay_s=self._worker_delay_s(),
                unix_s=self.unix_s,
                stop_at_s=self.stop_at_s,
                delivers=self.delivers,
                meanwhile=self.meanwhile,
                state_store=self._state_store,
            )
            machine.end_run()
            self.story += self.line.story
            self.unix_s = self.service.now_s if machine.dead else self.unix_s + ended.elapsed_s
            self._remember_seal()
            self._check_end(ended)
        outcome = ended.outcome
        self.outcomes.append(outcome)
        return None if outcome is None else outcome.exit_code

    def _state_store(self):
        """Return the run's state store; none."""
        return

    def _open_source(self):
        live = self.weather.unit("live") < 0.5
        source = SimulatedSource(self.disk, self.machine, live=live)
        self.sources.append(source)
        return source

    def _worker_delay_s(self):
        rng = random.Random(f"{self.seed}/{self.run_number}/workers")
        longest_s = rng.choice((0.0, 0.001, 0.05))
        return lambda: rng.random() * longest_s
