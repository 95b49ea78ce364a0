"""The section `defaults`: what every volume has that does not set it itself.

Owns the rule by which two sections become one. Pure.
"""

from typing import Any

TAGS = "tags"
"""The section of free text in which null takes a default entry away."""


def merged(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return ``own`` with what only ``defaults`` has; sections are merged, all else is one's own.

    Null is a value of one's own: it takes a default back. Neither argument is changed, and parts
    of both may be part of the result.
    """
    result = dict(defaults)
    for key, value in own.items():
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            both = merged(default, value)
            if key == TAGS:
                both = {
                    name: text
                    for name, text in both.items()
                    if text is not None or name not in default
                }
            result[key] = both
        else:
            result[key] = value
    return result
