"""Who may use an image or a snapshot: the changes that both kinds of lists take."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from bulkput.emulator.ec2.errors import Ec2Error

EVERYBODY = "all"
_ACCOUNT = re.compile(r"[0-9]{12}")
_ORGANIZATION = re.compile(
    r"arn:aws[a-z-]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}"
)
_UNIT = re.compile(
    r"arn:aws[a-z-]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
)


def changed_permissions(
    held: Sequence[str], add: Sequence[dict[str, Any]], remove: Sequence[dict[str, Any]]
) -> tuple[str, ...]:
    """Return who may use it after a change, in the order of their adding.

    Raises:
        Ec2Error: somebody in it is nobody.
    """
    gone = {value for each in remove for value in _values(each)}
    fresh = [value for each in add for value in _values(each)]
    return tuple(each for each in dict.fromkeys((*held, *fresh)) if each not in gone)


def permission_items(held: Sequence[str]) -> list[dict[str, str]]:
    """Return who may use it as answers have it."""
    return [{_kind(each): each} for each in held]


def permission_list(operation: str | None, **named: Sequence[str] | None) -> dict[str, Any]:
    """Return the older form of a change, by OperationType and lists, as the newer one."""
    items = [{kind: each} for kind, values in named.items() for each in values or ()]
    return {"Remove" if operation == "remove" else "Add": items} if items else {}


def _values(item: dict[str, Any]) -> Iterator[str]:
    for name, value in item.items():
        if name == "UserId" and not _ACCOUNT.fullmatch(value):
            raise Ec2Error("InvalidUserID.Malformed", f'Invalid user id: "{value}"')
        if name == "Group" and value != EVERYBODY:
            message = f'Invalid attribute item value "{value}" for group item type.'
            raise Ec2Error("InvalidAMIAttributeItemValue", message)
        if name == "OrganizationArn" and not _ORGANIZATION.fullmatch(value):
            raise Ec2Error("InvalidParameterValue", f"'{value}' is no ARN of an organization")
        if name == "OrganizationalUnitArn" and not _UNIT.fullmatch(value):
            message = f"'{value}' is no ARN of an organizational unit"
            raise Ec2Error("InvalidParameterValue", message)
        yield value


def _kind(value: str) -> str:
    if value == EVERYBODY:
        return "Group"
    if _ACCOUNT.fullmatch(value):
        return "UserId"
    return "OrganizationArn" if ":organization/" in value else "OrganizationalUnitArn"
