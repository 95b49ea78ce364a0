"""Ray, which is an extra: imported only when a fleet's verb runs, and here before anywhere else."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from bulkput.model.errors import ConfigError, Problem, UsageError

NEEDED = "a fleet runs on Ray: pip install 'bulkput[fleet]'"

RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # it would ship the working folder
    # Else one after the other, as Ray is given no processors.
    "RAY_worker_maximum_startup_concurrency": str(len(os.sched_getaffinity(0))),
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a warning about processors that nobody uses
}
"""Read by Ray when it is imported, and by its processes when they start: whoever joins shows the
token, and nobody is reported to."""

OBJECT_STORE_BYTES = 80 << 20
"""Ray's least is 75 MiB; outcomes and counters are some kilobytes, and nothing of a disk ever goes
through it."""


def load_ray() -> Any:
    """Return the module, with its security on.

    Raises:
        UsageError: it is not installed.
    """
    os.environ.update(RAY_ENVIRONMENT)
    _let_others_find_this_program()
    try:
        return import_module("ray")
    except ModuleNotFoundError:
        raise UsageError(NEEDED) from None


def _let_others_find_this_program() -> None:
    """Pass the folder of a checkout that is not installed on to the processes of a cluster.

    ``python -m bulkput`` finds it because it is called there, which theirs do not.
    """
    folder = str(Path(__file__).parents[2])
    if sys.path[:1] == [folder] and folder not in sys.path[1:]:
        known = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *[known] * bool(known)])


def require_token(environ: Mapping[str, str]) -> None:
    """Return if there is a token to show to a cluster.

    Raises:
        ConfigError: there is none; Ray would begin with one of its own, or ask for it at length.
    """
    named = environ.get("RAY_AUTH_TOKEN") or environ.get("RAY_AUTH_TOKEN_PATH")
    if not named and not (Path.home() / ".ray" / "auth_token").is_file():
        text = (
            "there is no token of the cluster: put the same secret into RAY_AUTH_TOKEN, or into a "
            "file that RAY_AUTH_TOKEN_PATH names, on every host"
        )
        raise ConfigError((Problem("RAY_AUTH_TOKEN", text),))
