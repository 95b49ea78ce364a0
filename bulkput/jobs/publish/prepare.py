"""The job as it is uploaded for what becomes of its snapshots: asked before anything else."""

from dataclasses import replace

from bulkput.jobs.publish.account import account_of
from bulkput.jobs.session.context import JobContext
from bulkput.model.events import Noted
from bulkput.publish.before_upload import prepared_volume


async def prepared_job(context: JobContext) -> JobContext:
    """Return the context with volumes as later steps need them; as it is if there are none.

    Raises:
        ConfigError: a later step would be refused.
        BulkputError: there is no answer.
    """
    settings = context.settings
    if not any(volume.is_published for volume in settings.volumes):
        return context

    def note(text: str) -> None:
        context.observer.on_event(Noted("", text))

    account = account_of(context, "", context.retrier(""), note)
    volumes = [
        await prepared_volume(account, volume) if volume.is_published else volume
        for volume in settings.volumes
    ]
    return replace(context, settings=settings.model_copy(update={"volumes": tuple(volumes)}))
