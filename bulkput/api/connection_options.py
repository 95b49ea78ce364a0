"""Where a snapshot is: the options of calls that read it, as settings."""

from dataclasses import dataclass, field
from pathlib import Path

from bulkput.config.flags import settings_from_options
from bulkput.config.settings import JobSettings
from bulkput.config.tuning import TuningSettings


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What all calls that read snapshots take."""

    region: str | None = None
    """Else AWS_REGION, the profile, the instance."""
    profile: str | None = None
    endpoint_url: str | None = None
    """One URL of EBS and EC2, or ``embedded``; None for AWS's own."""
    allow_insecure_http: bool = False
    state_dir: str | Path | None = None
    """Where manifests and what a rerun needs live."""
    tuning: TuningSettings = field(default_factory=TuningSettings)
    """Limits and deadlines, by the keys of the YAML section ``tuning``."""


def settings_of(options: ReadingOptions, **of_source: object) -> JobSettings:
    """Return the settings of a call: of no volume, or of the one source to compare with.

    Raises:
        ConfigError: with every problem, each by the name of its field.
    """
    given = {
        "region": options.region,
        "profile": options.profile,
        "endpoint_url": options.endpoint_url,
        "allow_insecure_http": options.allow_insecure_http,
        "state_dir": options.state_dir,
        "tuning": options.tuning,
    }
    configured = {name: value for name, value in of_source.items() if value is not None}
    return settings_from_options(given | configured)
