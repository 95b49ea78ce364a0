"""Architecture and boot mode of an image: as configured, held against what the disk shows. Pure."""

from typing import NamedTuple

from bulkput.config.images import ImageSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.source.content.boot_facts import Architecture, BootFacts, BootMode


class Boot(NamedTuple):
    """How instances of an image boot."""

    architecture: Architecture
    boot_mode: BootMode


def needs_disk(image: ImageSettings) -> bool:
    """Return whether the disk has to be looked at to register the image."""
    return "auto" in (image.architecture, image.boot_mode)


def boot_of(image: ImageSettings, facts: BootFacts | None) -> Boot:
    """Return how the image boots.

    Args:
        image: Its settings.
        facts: What its first disk shows; None where it cannot be looked at.

    Raises:
        ConfigError: the disk contradicts what is configured, or does not show what is not.
    """
    architecture = None if image.architecture == "auto" else image.architecture
    mode = None if image.boot_mode == "auto" else image.boot_mode
    if facts is not None and not image.contradict_disk:
        against = facts.conflicts(mode, architecture)
        if against:
            what = f"{'; '.join(against)}. `contradict_disk: true` registers it all the same"
            raise _problem(image, "boot_mode" if architecture is None else "architecture", what)
    if architecture is None:
        architecture = None if facts is None else facts.architecture
        if architecture is None:
            raise _problem(image, "architecture", _unknown_architecture(facts))
    if mode is None:
        mode = None if facts is None else facts.boot_mode(architecture)
        if mode is None:
            raise _problem(image, "boot_mode", _unknown_mode(facts))
    if image.tpm and mode != "uefi":
        raise _problem(image, "tpm", f"expected only with boot mode uefi; the disk's is {mode}")
    return Boot(architecture, mode)


def _unknown_architecture(facts: BootFacts | None) -> str:
    if facts is None:
        return "the disk cannot be looked at: expected x86_64 or arm64"
    found = " and ".join(sorted(facts.architectures))
    why = f"the disk boots on {found}" if found else "; ".join(facts.notes) or "nothing on it boots"
    return f"the disk does not tell ({why}): expected x86_64 or arm64"


def _unknown_mode(facts: BootFacts | None) -> str:
    choice = "expected legacy-bios, uefi or uefi-preferred"
    if facts is None:
        return f"the disk cannot be looked at: {choice}"
    return f"the disk does not tell ({'; '.join(facts.notes) or 'nothing on it boots'}): {choice}"


def _problem(image: ImageSettings, key: str, what: str) -> ConfigError:
    return ConfigError((Problem(f"image {image.name}: {key}", what),))
