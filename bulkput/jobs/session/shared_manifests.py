"""Manifests that other hosts have made, for those who read snapshots."""

from bulkput.config.service import ServiceSettings


async def fetch_manifests(settings: ServiceSettings, *snapshot_ids: str | None) -> None:
    """Bring manifests into the state folder that are not there, if a state store has them.

    Raises:
        ConfigError: the store's endpoint, the profile or the authorities cannot be used.
    """
    if settings.state_store is None:
        return
    from bulkput.jobs.session.state_store import (  # noqa: PLC0415 - only who has a store pays
        fetch_manifest,
    )

    for each in snapshot_ids:
        if each is not None:
            await fetch_manifest(settings, each)
