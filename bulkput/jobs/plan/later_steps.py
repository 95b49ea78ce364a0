"""What is done with a job's snapshots after the upload, and what that costs. Pure."""

from collections.abc import Iterator, Sequence

from bulkput.config.images_in_part import images_in_part, publish_command
from bulkput.config.settings import JobSettings
from bulkput.jobs.plan.forecast import FailedForecast, VolumeForecast
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.publish.price import LaterStep, steps_of_image, steps_of_volume


def later_steps(
    settings: JobSettings, forecasts: Sequence[VolumeForecast | FailedForecast]
) -> Iterator[LaterStep]:
    """Yield what is done with the snapshots, of volumes that can be uploaded."""
    volumes = {volume.label: volume for volume in settings.volumes}
    data_gib: dict[str, float] = {}
    for each in forecasts:
        if isinstance(each, VolumeForecast):
            tally = each.tally
            blocks = each.cost.puts + tally.resumed + tally.unchanged
            data_gib[each.volume] = blocks / BLOCKS_PER_GIB
            yield from steps_of_volume(
                volumes[each.volume],
                volume_size_gib=each.volume_size_gib,
                data_gib=data_gib[each.volume],
            )
    for image in images_in_part(settings):
        if image.left_out:
            name, command = image.settings.name, publish_command(settings)
            yield LaterStep(f"image {name}: {image.why_not_made}; `{command}` makes it")
        else:
            yield from steps_of_image(image.settings, volumes, data_gib)
