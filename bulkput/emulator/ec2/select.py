"""What the Describe calls choose by: ids, filters with wildcards, pages. Pure."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from bulkput.emulator.ec2.call import Ec2Call
from bulkput.emulator.ec2.errors import Ec2Error, invalid_combination
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Tags

T = TypeVar("T")
Values = str | Sequence[str]
"""What an item has for a filter: one value or several."""

_COUNT = re.compile(r"[0-9]{1,10}")
_FILTERS_MAX, _FILTER_VALUES_MAX = 200, 200


def account_ids(names: Iterable[str] | None) -> set[str]:
    """Return the accounts that a call names, ``self`` among them by its id."""
    return {OWNER_ID if each == "self" else each for each in names or ()}


def filtered(
    call: Ec2Call,
    items: Iterable[T],
    facts: Mapping[str, Callable[[T], Values]],
    tags: Callable[[T], Tags],
) -> list[T]:
    """Return the items that every filter of the call lets through.

    Args:
        call: With ``Filters``.
        items: Of one kind.
        facts: What an item has, by the filter's name.
        tags: What tags it has.

    Raises:
        Ec2Error: a filter that there is not.
    """
    wanted = call.given("Filters", [])
    if len(wanted) > _FILTERS_MAX or any(
        len(each.get("Values", [])) > _FILTER_VALUES_MAX for each in wanted
    ):
        message = f"The maximum length for a filter value list is {_FILTER_VALUES_MAX}"
        raise Ec2Error("FilterLimitExceeded", message)
    left = list(items)
    for each in wanted:
        values = _values_of(each.get("Name", ""), facts, tags)
        patterns = each.get("Values", [])
        left = [
            item
            for item in left
            if any(_like(value, pattern) for value in values(item) for pattern in patterns)
        ]
    return left


def _values_of(
    name: str, facts: Mapping[str, Callable[[T], Values]], tags: Callable[[T], Tags]
) -> Callable[[T], Sequence[str]]:
    """Return what an item has for a filter.

    Raises:
        Ec2Error: there is no filter of this name.
    """
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda item: [value for each, value in tags(item) if each == key]
    if name == "tag-key":
        return lambda item: [each for each, _ in tags(item)]
    if name not in facts:
        raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")
    values = facts[name]

    def listed(item: T) -> Sequence[str]:
        found = values(item)
        return [found] if isinstance(found, str) else found

    return listed


def _like(value: str, pattern: str) -> bool:
    r"""Return whether a value is what a filter's value stands for: ``*``, ``?``, ``\`` before."""
    if not any(each in pattern for each in "*?\\"):
        return value == pattern
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    shell = "".join(part if part in "*?" else f"[{part[-1]}]" for part in parts if part != "\\")
    return fnmatch.fnmatchcase(value, shell.replace("[!]", "!").replace("[^]", "^"))


def page(
    call: Ec2Call, found: Sequence[T], *, low: int = 5, high: int = 1000, ids: str = ""
) -> tuple[Sequence[T], str | None]:
    """Return one page and the token of the next, None where there is none.

    Args:
        call: With ``MaxResults`` and ``NextToken``.
        found: All items, in an order that holds.
        low: Smallest page.
        high: Largest page.
        ids: Name of the parameter that cannot stand beside ``MaxResults``.
    """
    limit, token = call.given("MaxResults"), call.given("NextToken", "0")
    if not _COUNT.fullmatch(token):
        raise Ec2Error("InvalidParameterValue", "Invalid value for 'NextToken'")
    start = int(token)
    if limit is None:
        return found[start:], None
    if ids and call.given(ids):
        raise invalid_combination(
            f"The parameter {ids} cannot be used with the parameter maxResults"
        )
    if not low <= limit <= high:
        message = f"Value ( {limit} ) for parameter maxResults is invalid. Expecting a value "
        raise Ec2Error(
            "InvalidParameterValue", f"{message}greater than {low} and less than {high}."
        )
    stop = start + limit
    return found[start:stop], str(stop) if stop < len(found) else None
