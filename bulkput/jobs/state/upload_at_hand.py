"""The folder of an upload that is known by its settings, found without asking any service."""

from collections.abc import Mapping
from pathlib import Path

from bulkput.config.service import ServiceSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.state.upload_key import upload_folder
from bulkput.jobs.state.uploads import read_entries
from bulkput.ledger.header_file import has_ledger
from bulkput.ledger.lock import Holder, holder_of

_EMBEDDED_REGION = "us-east-1"
"""What a rehearsal takes where none is named."""


def existing_upload(
    settings: ServiceSettings,
    volume: VolumeSettings,
    source_path: Path | str,
    state_dir: Path,
    environ: Mapping[str, str],
) -> Path | None:
    """Return the folder of an upload's ledger, if there is one. Blocks.

    Where only the profile or the instance knows the Region, a ledger's own header names it; of
    several the one that was written last is meant.

    Args:
        settings: Of the job.
        volume: Which upload.
        source_path: The real path, or the name of what has none.
        state_dir: Where ledgers are.
        environ: The environment, which may name the Region.

    Raises:
        LedgerError: the state folder cannot be read.
    """

    def folder_in(region: str) -> Path:
        return upload_folder(
            state_dir,
            volume,
            endpoint_url=None if settings.endpoint == "aws" else settings.endpoint,
            region=region,
            source_path=source_path,
        )

    region = configured_region(settings, environ)
    if region is not None:
        folder = folder_in(region)
        return folder if has_ledger(folder) else None
    found = [
        (entry.header.updated_unix_s, entry.folder)
        for entry in read_entries(state_dir)
        if entry.header is not None and entry.folder == folder_in(entry.header.region)
    ]
    return max(found)[1] if found else None


def holder_of_upload(
    settings: ServiceSettings,
    volume: VolumeSettings,
    source_path: Path | str,
    state_dir: Path,
    environ: Mapping[str, str],
) -> Holder | None:
    """Return who works on an upload now, if anybody does; arguments as ``existing_upload``. Blocks.

    Raises:
        LedgerError: the state folder cannot be read.
    """
    folder = existing_upload(settings, volume, source_path, state_dir, environ)
    return None if folder is None else holder_of(folder)


def configured_region(settings: ServiceSettings, environ: Mapping[str, str]) -> str | None:
    """Return the Region that is configured here; None where it would have to be looked up."""
    if settings.endpoint == "embedded":
        return settings.region or _EMBEDDED_REGION
    from_environment = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return settings.region or from_environment or None
