"""What all sections of the configuration share: strict, frozen, silent about values."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section: no key unknown, no value converted by guess, no value in an error's text.

    The attribute of a quantity has its unit last; the YAML key, its alias, has none, because the
    value brings it along.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        # A command validates a few of the sections, and each costs 2 ms. Those that are the default
        # of a key are needed always: what contains them takes over what was built before.
        defer_build=True,
    )
