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
    for index, volume in enumerate(settings.volumes):
        if volume.source.path == STANDARD_INPUT:
            text = "a fleet cannot read standard input"
            yield Problem(f"volumes[{index}].source.path", text)
    bound = [volume.label for volume in settings.volumes if not volume.placement.host]
    if bound and not is_local and settings.state_store is None:
        more = f" and {len(bound) - 1} more" if len(bound) > 1 else ""
        have = "have" if more else "has"
        text = f"is needed, as {bound[0]}{more} {have} no placement.host: else no host could go on"
        yield Problem("state_store", text)
