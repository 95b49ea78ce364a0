"""What verbs without a job take from flags and environment: where the service and the state are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bulkput.config.flags import settings_from_flags

_NO_SOURCE = Path("/dev/null")
"""Settings have a volume; this one is never opened."""


@dataclass(frozen=True)
class Surroundings:
    """The part of the settings that is no job's; checked as in a job, with the same variables."""

    region: str | None
    profile: str | None
    endpoint: str
    """``aws``, ``embedded`` or a URL."""
    allow_insecure_http: bool
    state_dir: Path | None
    warnings: tuple[str, ...] = ()
    """What the user should know of the environment."""


def load_surroundings(*, flags: Mapping[str, object], environ: Mapping[str, str]) -> Surroundings:
    """Return what ``flags`` say, else the environment, else the defaults.

    Args:
        flags: ``region``, ``profile``, ``endpoint_url``, ``state_dir``; None is not given.
        environ: the process's environment.

    Raises:
        ConfigError: with every problem found.
    """
    loaded = settings_from_flags(_NO_SOURCE, flags=flags, environ=environ)
    settings = loaded.settings
    return Surroundings(
        region=settings.region,
        profile=settings.profile,
        endpoint=settings.endpoint,
        allow_insecure_http=settings.allow_insecure_http,
        state_dir=settings.state_dir,
        warnings=loaded.warnings,
    )
