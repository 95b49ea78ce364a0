"""Rules between the volumes of a job: names, series, standard input, samples. Pure.

They look at data that may be anything, so that all that is wrong is reported at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import InitErrorDetails, PydanticCustomError

from bulkput.config.naming import NameFacts, same_name
from bulkput.config.paths import STANDARD_INPUT, resolve
from bulkput.config.volume import VolumeSettings
from bulkput.model.address import is_address, is_clear_text, parse_address


def across(
    volumes: Sequence["VolumeFacts"],
    labels: Sequence[str],
    endpoint: str,
    where: Callable[[int], str],
) -> list[InitErrorDetails]:
    """Return what is wrong between ``volumes``."""
    found = []
    first: dict[str, int] = {}
    first_of: dict[str, int] = {}
    for index, volume in enumerate(volumes):
        label = same_name(labels[index])
        if volume.has_label and first.setdefault(label, index) != index:
            other = where(first[label])
            text = f"the same name as {other}: give each volume a `name` of its own"
            found.append(custom(text, (index, "name")))
        if volume.name.path == STANDARD_INPUT and len(volumes) > 1:
            text = "standard input can be read once: make it the only volume of its job"
            found.append(custom(text, (index, "source", "path")))
        series = volume.series
        if series is not None and first_of.setdefault(series, index) != index:
            other = where(first_of[series])
            text = f"the same series as {other}: give each its own series"
            found.append(custom(text, (index, "series")))
        if volume.has_sample and endpoint != "embedded":
            text = "only with `endpoint: embedded`: a sample is for rehearsal"
            found.append(custom(text, (index, "source", "sample")))
    return found


def in_the_clear(volumes: Sequence["VolumeFacts"]) -> Iterator[InitErrorDetails]:
    """Yield what is wrong with addresses under which a disk would travel unencrypted."""
    for index, volume in enumerate(volumes):
        path = volume.name.path
        if isinstance(path, str) and path.startswith("http:"):
            with suppress(ValueError):  # reported already
                if is_clear_text(parse_address(path)):
                    text = (
                        "expected https: http is for this machine only, unless "
                        "`allow_insecure_http: true` is set"
                    )
                    yield custom(text, (index, "source", "path"))


def custom(text: str, location: tuple[str | int, ...]) -> InitErrorDetails:
    """Return a finding with a sentence of its own."""
    return InitErrorDetails(
        type=PydanticCustomError("across", "{message}", {"message": text}), loc=location, input=None
    )


class VolumeFacts(NamedTuple):
    """What the rules between volumes look at, of a volume or of data that may be anything."""

    name: NameFacts
    has_label: bool
    """Whether a name comes of it, and not a problem of another kind."""
    series: str | None
    has_sample: bool


def facts_of(volume: object, folder: Path | None) -> VolumeFacts:
    """Return the facts of a volume, or of data that may be anything.

    Args:
        volume: What there is.
        folder: What relative paths start from, where it is known.
    """
    if isinstance(volume, VolumeSettings):
        source = volume.source
        name = NameFacts(volume.name, source.path)
        return VolumeFacts(name, True, volume.series, source.sample_bytes is not None)
    if not isinstance(volume, Mapping):
        return VolumeFacts(NameFacts(None, None), False, None, False)
    given, series, what = volume.get("name"), volume.get("series"), volume.get("source")
    section: Mapping[Any, Any] = what if isinstance(what, Mapping) else {"path": what}
    path, has_sample = section.get("path"), section.get("sample") is not None
    has_path = isinstance(path, str | Path) and bool(str(path))
    return VolumeFacts(
        NameFacts(
            given if isinstance(given, str) and given else None,
            _resolved(path, folder) if has_path else None,
        ),
        isinstance(given, str) or has_path or (has_sample and path is None),
        series if isinstance(series, str) else None,
        has_sample,
    )


def _resolved(path: Any, folder: Path | None) -> Path | str:
    if path == STANDARD_INPUT or (isinstance(path, str) and is_address(path)):
        return str(path)
    try:
        return resolve(path, folder)
    except ValueError:
        return str(path)
