"""A snapshot is compared with what it should be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bulkput.api.connection_options import ReadingOptions, settings_of
from bulkput.api.observer import OnEvent, observer_of
from bulkput.config.service import ServiceSettings
from bulkput.jobs.verify.request import VerifyRequest
from bulkput.model.difference import Difference
from bulkput.model.disk_format import FormatChoice
from bulkput.model.errors import ConfigError, Problem
from bulkput.model.size import parse_size_bytes

if TYPE_CHECKING:
    from bulkput.jobs.verify.verify_snapshot import (
        VerifyOutcome,  # aiohttp and numpy, which only a call pays
    )

__all__ = [
    "OnDifference",
    "VerifyOptions",
    "VerifyRequest",
    "verify",
    "verify_configured",
]

OnDifference = Callable[[Difference], None]
"""Called for each differing range, ascending, as soon as it is known where it ends."""


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(ReadingOptions):
    """A snapshot, and what it is compared with: a source, a manifest, or both."""

    snapshot_id: str = field(kw_only=False)
    source: str | Path | None = None
    """A disk image or a block device, compared byte for byte."""
    manifest: str | Path | None = None
    """Digests; without ``source``, None is the manifest in the state folder."""
    sample: str | int | None = None
    """How much, as ``10GiB`` or in bytes, is compared, chosen at random; None is all."""
    seed: int | None = None
    """Chooses the same sample as the call whose outcome had this seed."""
    format: FormatChoice = "auto"
    allow_backing_file: bool = False
    allow_mounted: bool = False
    allow_trailing_data: bool = False


async def verify(
    options: VerifyOptions,
    *,
    on_event: OnEvent | None = None,
    on_difference: OnDifference | None = None,
) -> "VerifyOutcome":
    """Read the snapshot back and compare it.

    Returns:
        The outcome; its ``error`` is None if all is equal, and otherwise describes what differs.

    Raises:
        BulkputError: something could not be read.
    """
    of_source = {
        "source": options.source,
        "format": options.format,
        "allow_backing_file": options.allow_backing_file,
        "allow_mounted": options.allow_mounted,
        "allow_trailing_data": options.allow_trailing_data,
    }
    settings = settings_of(options, **({} if options.source is None else of_source))
    request = VerifyRequest(
        snapshot_id=options.snapshot_id,
        volume=next(iter(settings.volumes), None),
        manifest=None if options.manifest is None else Path(options.manifest),
        sample_bytes=_sample_bytes(options.sample),
        seed=options.seed,
    )
    return await verify_configured(
        settings, request, on_event=on_event, on_difference=on_difference
    )


async def verify_configured(
    settings: ServiceSettings,
    request: VerifyRequest,
    *,
    on_event: OnEvent | None = None,
    on_difference: OnDifference | None = None,
) -> "VerifyOutcome":
    """Do as ``verify``, where the settings are loaded and checked."""
    from bulkput.jobs.verify.verify_snapshot import verify_snapshot  # noqa: PLC0415 - see above

    return await verify_snapshot(settings, request, observer_of(on_event), on_difference or _ignore)


def _sample_bytes(sample: str | int | None) -> int | None:
    if sample is None:
        return None
    try:
        size_bytes = parse_size_bytes(sample) if isinstance(sample, str) else sample
    except ValueError as error:
        raise ConfigError((Problem("sample", str(error)),)) from None
    if size_bytes <= 0:
        raise ConfigError((Problem("sample", "expected a size above 0"),))
    return size_bytes


def _ignore(difference: Difference) -> None:
    pass
