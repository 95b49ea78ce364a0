"""What one draw of a seed can decide: a disk, settings, a run's weather, its faults, its death."""

import errno

from simulation.contents import CONTENT_COUNT, ZEROS
from simulation.disk import KINDS, PATH, Disk
from simulation.weather import BOUNDED, FINAL, PUT_FAULTS, Fault, Spell

from bulkput.config.settings import JobSettings
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy

DEATHS = ("none", *["stop"] * 3, *["kill"] * 6, "crash", "crash", "stop late")


def make_rough(rng, weather):
    """Let ``weather`` be bad in some ways."""
    weather.latency_s = rng.choice((0.005, 0.05, 0.2, 1.0))
    weather.is_slow_to_show = rng.random() < 0.3
    weather.control_rate = rng.choice((0.0, 0.0, 0.2, 0.5))
    for name in rng.sample(sorted(PUT_FAULTS), rng.choice((0, 1, 2, 3))):
        weather.put_rates[name] = rng.random() * BOUNDED.get(name, 0.25)
    weather.spells = tuple(_spell(rng) for _ in range(rng.choice((0, 0, 0, 1, 2))))
    if rng.random() < 0.15:
        call = rng.choice(("put", "put", "CompleteSnapshot", "DescribeSnapshots"))
        number = log_uniform(rng, 100) if call == "put" else 1
        weather.script[call, number] = Fault(rng.choice(FINAL))
    if rng.random() < 0.15:
        weather.keys_expire_s = rng.random() * 2
        weather.keys_come_back_s = rng.choice((0.0, 0.0, 1.0, 30.0, 300.0))


def some_script(rng):
    """Return the faults of source and state folder, by what fails and at which time."""
    script = {}
    if rng.random() < 0.08:
        script["read", log_uniform(rng, 20)] = SourceError(
            PATH, "simulated: cannot be read", block_index=0
        )
    if rng.random() < 0.1:
        what = rng.choice(("ledger write", "ledger flush", "ledger rename"))
        number = log_uniform(rng, 100 if what == "ledger write" else 6)
        script[what, number] = OSError(rng.choice((errno.ENOSPC, errno.EIO)), "simulated")
    return script


def log_uniform(rng, most):
    """Return a whole number from 1 to ``most``; small ones are as likely as large ones."""
    return int(most ** rng.random())


def some_number(rng):
    return rng.choice((None, ZEROS, rng.randrange(1, CONTENT_COUNT)))


def some_disk(rng, *, is_file):
    blocks = []
    count = rng.choice((1, 3, 10, 30, 60, 100, 150))
    while len(blocks) < count:
        run = log_uniform(rng, 30)
        what = rng.random()
        if what < 0.2:
            blocks += [None] * run
        elif what < 0.4:
            blocks += [ZEROS] * run
        else:
            blocks += [rng.randrange(1, CONTENT_COUNT) for _ in range(run)]
    others = [name for name in KINDS if name != "file"]
    return Disk(blocks[:count], "file" if is_file or rng.random() < 0.5 else rng.choice(others))


def some_settings(rng, *, trusts):
    window_blocks = rng.choice((1, 2, 4, 8, 16))
    settings = JobSettings.model_validate(
        {
            "version": 1,
            "endpoint": "aws",
            "volumes": (
                {
                    "name": "simulated",
                    "source": {"path": PATH},
                    "snapshot": {
                        "wait": rng.random() < 0.9,
                        "timeout_min": 10 if rng.random() < 0.1 else None,
                    },
                    "zeros": rng.choice((*ZeroPolicy, ZeroPolicy.AUTO, ZeroPolicy.AUTO)),
                    "resume": "auto" if trusts or rng.random() < 0.75 else "verify",
                    "on_failure": "delete" if rng.random() < 0.1 else "keep",
                    "allow_changing_source": rng.random() < 0.2,
                    "verify": "full" if rng.random() < 0.1 else "none",
                },
            ),
            "tuning": {
                "puts_per_s_snapshot": rng.choice((5.0, 100.0, 1000.0, 1000.0)),
                "puts_per_s_account": rng.choice((100.0, 1000.0, 1000.0)),
                "in_flight_max": rng.choice((1, 4, 16, 64)),
                "hash_workers": rng.choice((1, 2, 4)),
                "shutdown_grace": rng.choice((0.1, 8.0, 8.0)),
            },
        },
    )
    # The least that the configuration allows is four windows.
    budget_bytes = BLOCK_SIZE_BYTES * window_blocks * rng.choice((4, 4, 5, 8))
    tuning = settings.tuning.model_copy(
        update={
            "window_bytes": BLOCK_SIZE_BYTES * window_blocks,
            "memory_budget_bytes": budget_bytes,
        }
    )
    return settings.model_copy(update={"tuning": tuning})


def _spell(rng):
    start_s = rng.random() * rng.choice((0.5, 5.0))
    failure, longest_s, after_s = rng.choice(
        (
            (FailureClass.TRANSIENT, 300.0, 5.0),
            (FailureClass.TRANSIENT, 60.0, 0.0),
            (FailureClass.THROTTLED_SNAPSHOT, 30.0, 0.0),
            (FailureClass.THROTTLED_ACCOUNT, 30.0, 0.0),
        )
    )
    return Spell(start_s, start_s + longest_s, Fault(failure, after_s=after_s))
