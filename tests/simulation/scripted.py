"""A small upload that goes as a script says: one failure at one place, and nothing else."""

from simulation.contents import ZEROS
from simulation.disk import Disk
from simulation.history import History
from simulation.service import ModelService
from simulation.weather import Weather

BLOCKS = (1, 2, 3, ZEROS, ZEROS, None, None, 4, 5, 6, 7, ZEROS)
WINDOW_BLOCKS = 2


class Scripted(History):
    """Runs are made one by one, each with its own script."""

    def __init__(self, folder, blocks=BLOCKS, kind="file", **volume):
        super().__init__(0, folder)
        self.disk = Disk(blocks, kind)
        update = {
            "zeros": self.volume.zeros.AUTO,
            "resume": "auto",
            "on_failure": "keep",
            "allow_changing_source": False,
            "verify": "none",
            "snapshot": self.volume.snapshot.model_copy(update={"wait": True, "timeout_min": None}),
        }
        self.volume = self.volume.model_copy(update=update | volume)
        self.tuning = self.tuning.model_copy(
            update={
                "window_bytes": WINDOW_BLOCKS << 19,
                "memory_budget_bytes": 4 * WINDOW_BLOCKS << 19,
                "puts_per_s_snapshot": 1000.0,
                "puts_per_s_account": 1000.0,
                "in_flight_max": 4,
                "hash_workers": 2,
                "shutdown_grace_s": 8.0,
            }
        )
        self.settings = self.settings.model_copy(
            update={"volumes": (self.volume,), "tuning": self.tuning}
        )
        self.weather = Weather()
        self.service = ModelService(self.weather, encrypts=False)

    def go(
        self,
        *,
        faults=None,
        weather=None,
        change=None,
        dies_at=None,
        crashes=False,
        stops_at=None,
        stops_after_s=None,
        delivers=True,
    ):
        """Make one run; returns its exit code, None if it was stopped or died."""
        self.run_number += 1
        self._calm()
        self.script = dict(faults or {})
        self.weather.script.update(weather or {})
        if change is not None:
            change(self.weather)
        self.stop_at_s = stops_after_s
        self.delivers = delivers
        self.crashes = crashes
        if dies_at is not None:
            self.events[dies_at] = self._die
        if stops_at is not None:
            self.events[stops_at] = self.stop
        code = self._go()
        self.unix_s += 60.0
        return code

    def go_until_done(self):
        """Make calm runs; a single one must do, as nothing goes wrong any more."""
        code = self.go()
        assert code == 0, self.outcomes[-1]
