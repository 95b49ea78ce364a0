"""Whether an upload is kept in a state store while it lasts; without one, none of it is loaded."""

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from bulkput.jobs.state.upload_key import upload_folder
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.source.source import Source


class Kept(Protocol):
    """What an upload says to whoever keeps it."""

    def want_cut(self) -> None:
        """Let the store be brought up to date soon."""
        ...

    async def cut_now(self, *, is_needed: bool = False) -> None:
        """Bring the store up to date before a step that cannot be taken back, if it answers soon.

        Args:
            is_needed: The step is not taken without it.

        Raises:
            LedgerError: another host has the upload.
            TemporaryError: it is needed, and the store took none for minutes.
        """
        ...


class _NotKept:
    """Of an upload without a state store."""

    def want_cut(self) -> None:
        """Do nothing."""

    async def cut_now(self, *, is_needed: bool = False) -> None:
        """Do nothing."""


@contextlib.asynccontextmanager
async def keeping(run: VolumeRun, source: Source) -> AsyncIterator[Kept]:
    """Keep the upload in the job's state store, if it has one, from before its ledger is opened.

    Raises:
        LedgerError: another host has the upload.
    """
    context = run.context
    if context.state_store is None:
        yield _NotKept()
        return
    from bulkput.jobs.upload.kept_in_store import kept  # noqa: PLC0415 - only who has a store pays

    folder = upload_folder(
        context.state_dir,
        run.volume,
        endpoint_url=context.endpoint_url,
        region=context.service.region,
        source_path=source.path,
    )
    async with kept(run, context.state_store, source, folder) as keeper:
        yield keeper
