"""What fuzzing looks for."""


class FindingError(Exception):
    """What no input may lead to."""


def refused(error):
    """Return the text of a refusal, which is one line."""
    text = str(error)
    if "\n" in text:
        raise FindingError("a refusal of several lines")
    return text
