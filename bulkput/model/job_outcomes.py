"""What became of a whole job: its volumes, and the images that were made of them."""

from collections.abc import Iterable, Sequence
from typing import Self

from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import VolumeOutcome


class JobOutcomes(tuple[VolumeOutcome, ...]):  # noqa: SLOT001 - it has an attribute
    """The outcomes of the volumes in their order; ``images`` has those of the images."""

    images: tuple[ImageOutcome, ...]

    def __new__(
        cls, volumes: Iterable[VolumeOutcome] = (), images: Sequence[ImageOutcome] = ()
    ) -> Self:
        """Keep both."""
        made = super().__new__(cls, volumes)
        made.images = tuple(images)
        return made
