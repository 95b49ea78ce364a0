"""What of a job does not fit a fleet: refused before anything is started, in one sentence each."""

from collections.abc import Iterator

from bulkput.config.fleet import LOCAL
from bulkput.config.paths import STANDARD_INPUT
from bulkput.config.settings import JobSettings
from bulkput.model.errors import ConfigError, Problem


def require_fitting(settings: JobSettings) -> None:
    """Return if the job can run on a fleet.

    Raises:
        ConfigError: it cannot; with every reason.
    """
    problems = tuple(_problems(settings))
    if problems:
        raise ConfigError(problems)


def _problems(settings: JobSettings) -> Iterator[Problem]:
    is_local = settings.fleet.address == LOCAL
    if settings.images:
        text = "a fleet makes no images: make them afterwards, by bulkput publish"
        yield Problem("images", text)
    if settings.max_duration_s is not None:
        text = "a fleet has no time limit: remove it, and stop the run by bulkput fleet cancel"
        yield Problem("max_duration", text)
    if settings.request is None or settings.request.identity.file == STANDARD_INPUT:
        yield Problem("", "a fleet's job is a file, so that the same command goes on with it")
    if settings.endpoint == "embedded" and not is_local:
        text = "the embedded server is of this machine alone: set fleet.address to local"
        yield Problem("endpoint", text)
    is_kept = settings.state_store is not None
    for index, volume in enumerate(settings.volumes):
        where = f"volumes[{index}]"
        if volume.source.path == STANDARD_INPUT:
            yield Problem(f"{where}.source.path", "a fleet cannot read standard input")
        if not (is_local or is_kept or volume.placement.host):
            text = "needs a host, or the job a state_store: another host could not go on with it"
            yield Problem(f"{where}.placement", text)
