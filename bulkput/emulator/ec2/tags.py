"""Tags: at creation by TagSpecifications, later by CreateTags and DeleteTags.

Limits after "Tag restrictions" of the EC2 User Guide.
"""

from collections.abc import Callable, Mapping, Sequence

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, invalid_value
from bulkput.emulator.ec2.select import Values, filtered, page
from bulkput.emulator.ec2.tagged import RESOURCES, Tagged, tagged
from bulkput.emulator.resources import Tags

_TAGS_MAX = 50
_KEY_MAX, _VALUE_MAX = 127, 256


def specified_tags(call: Ec2Call, resource: str) -> Tags:
    """Return the tags that a new resource is to have.

    Raises:
        Ec2Error: they are for another kind of resource, too many or reserved.
    """
    return tags_of_kinds(call, (resource,))[0]


def tags_of_kinds(call: Ec2Call, resources: Sequence[str]) -> list[Tags]:
    """Return the tags for each of the kinds that a call makes, in their order.

    Raises:
        Ec2Error: they are for another kind of resource, too many or reserved.
    """
    found: dict[str, dict[str, str]] = {each: {} for each in resources}
    for each in call.given("TagSpecifications", []):
        kind = each.get("ResourceType")
        if kind not in found:
            what = f"'{kind}' is not a valid taggable resource type for this operation."
            raise Ec2Error("InvalidParameterValue", what)
        found[kind] |= _pairs(each.get("Tags", []))
    return [_checked(each) for each in found.values()]


def tag_set(tags: Tags | None) -> list[dict[str, str]] | None:
    """Return tags as answers have them; None where there is none."""
    return [{"Key": key, "Value": value} for key, value in tags] if tags else None


def create_tags(call: Ec2Call) -> Fields:
    """Add tags to resources, or give those that there are another value."""
    fresh = _pairs(call.given("Tags"))
    resources = [tagged(call, each) for each in call.given("Resources")]
    changed = [_checked(dict(each.tags) | fresh) for each in resources]
    for each, tags in zip(resources, changed, strict=True):
        each.replace(tags)
    return {}


def delete_tags(call: Ec2Call) -> Fields:
    """Remove tags by key, or by key and value; all of them where none is named."""
    wanted = call.given("Tags")
    for each in [tagged(call, each) for each in call.given("Resources")]:
        kept = tuple(pair for pair in each.tags if wanted is not None and not _is_in(pair, wanted))
        each.replace(kept)
    return {}


def describe_tags(call: Ec2Call) -> Fields:
    """List tags, one item each."""
    rows = [
        (each, kind, pair)
        for kind, listed in RESOURCES.items()
        for each in listed(call)
        for pair in each.tags
    ]
    found = filtered(call, rows, _FACTS, lambda row: (row[2],))
    shown, token = page(call, found)
    return {
        "Tags": [
            {"ResourceId": each.name, "ResourceType": kind, "Key": key, "Value": value}
            for each, kind, (key, value) in shown
        ],
        "NextToken": token,
    }


_FACTS: dict[str, Callable[[tuple[Tagged, str, tuple[str, str]]], Values]] = {
    "resource-id": lambda row: row[0].name,
    "resource-type": lambda row: row[1],
    "key": lambda row: row[2][0],
    "value": lambda row: row[2][1],
}


def _is_in(pair: tuple[str, str], wanted: Sequence[Mapping[str, str]]) -> bool:
    return any(
        pair[0] == each.get("Key") and each.get("Value", pair[1]) == pair[1] for each in wanted
    )


def _pairs(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    keys = [each.get("Key", "") for each in tags]
    if len(set(keys)) != len(keys):
        raise Ec2Error("InvalidParameterValue", "Duplicate tag key specified.")
    return {each.get("Key", ""): each.get("Value", "") for each in tags}


def _checked(tags: Mapping[str, str]) -> Tags:
    for key, value in tags.items():
        if not 1 <= len(key) <= _KEY_MAX:
            raise invalid_value(key, "Tag key", f"Tag keys have 1 to {_KEY_MAX} characters.")
        if len(value) > _VALUE_MAX:
            raise invalid_value(
                value, "Tag value", f"Tag values have up to {_VALUE_MAX} characters."
            )
        if key.lower().startswith("aws:"):
            message = "Tag keys starting with 'aws:' are reserved for internal use"
            raise Ec2Error("InvalidParameterValue", message)
    if len(tags) > _TAGS_MAX:
        raise Ec2Error("TagLimitExceeded", f"More than {_TAGS_MAX} tags specified")
    return tuple(tags.items())
