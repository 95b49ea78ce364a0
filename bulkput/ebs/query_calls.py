"""Calls in AWS's query form, answered in XML: EC2's about snapshots, and STS. Pure.

Tables name what is read of the answers; a test holds requests and answers to botocore's.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from bulkput.ebs.control_session import ControlRequest
from bulkput.ebs.http_response import HttpResponse

_VERSIONS = {"ec2": "2016-11-15", "sts": "2011-06-15"}

_MEMBERS = {
    "Filters": "Filter",
    "OwnerIds": "Owner",
    "Resources": "ResourceId",
    "SnapshotIds": "SnapshotId",
    "Tags": "Tag",
    "Values": "Value",
}
"""What EC2 calls each member of a list."""

FORM = "application/x-www-form-urlencoded; charset=utf-8"
"""The content type of a request."""


class UnreadableXmlError(Exception):
    """An answer that is no XML."""


class _Element(NamedTuple):
    """An element of an answer: the field that it becomes, and how it is read."""

    field: str
    read: Callable[[ET.Element], Any]


_Table = Mapping[str, _Element]


def query_request(
    service: str, url: str, operation: str, parameters: Mapping[str, Any]
) -> ControlRequest:
    """Return the request of an operation, not signed yet.

    Args:
        service: ``ec2`` or ``sts``.
        url: The endpoint's.
        operation: As ``DescribeSnapshots``.
        parameters: By the names of the service's model.
    """
    fields = [("Action", operation), ("Version", _VERSIONS[service]), *_flat("", parameters)]
    return ControlRequest("POST", f"{url}/", {"Content-Type": FORM}, urlencode(fields).encode())


def query_answer(operation: str, answer: HttpResponse) -> dict[str, Any]:
    """Return the fields of an answer, and its request's id in ``ResponseMetadata``.

    What is not of its type stays a text, for whoever checks the answer.

    Raises:
        UnreadableXmlError: it is no XML.
    """
    try:
        root = ET.fromstring(answer.body)  # noqa: S314 - who carried it has refused document types
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UnreadableXmlError(str(error)) from error
    fields = _fields(root, _ANSWERS.get(operation, {}))
    request_id = next((each.text for each in root if _name(each) == "requestId"), None)
    fields["ResponseMetadata"] = {"RequestId": request_id} if request_id else {}
    return fields


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield names and values as EC2 wants nested ones: ``Filter.1.Value.2``."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            member = _MEMBERS.get(str(name), str(name))
            yield from _flat(f"{prefix}.{member}" if prefix else member, each)
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield from _flat(f"{prefix}.{number}", each)
    else:
        yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _fields(element: ET.Element, table: _Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        known = table.get(_name(child))
        if known is not None:
            found[known.field] = known.read(child)
    return found


def _text(element: ET.Element) -> str:
    return element.text or ""


def _integer(element: ET.Element) -> int | str:
    text = _text(element)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text


def _flag(element: ET.Element) -> bool | str:
    text = _text(element)
    return {"true": True, "false": False}.get(text, text)


def _moment(element: ET.Element) -> datetime | str:
    text = _text(element)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _items(table: _Table) -> Callable[[ET.Element], list[dict[str, Any]]]:
    return lambda element: [_fields(each, table) for each in element if _name(each) == "item"]


_TAG = {"key": _Element("Key", _text), "value": _Element("Value", _text)}
_SNAPSHOT = {
    "description": _Element("Description", _text),
    "encrypted": _Element("Encrypted", _flag),
    "fullSnapshotSizeInBytes": _Element("FullSnapshotSizeInBytes", _integer),
    "kmsKeyId": _Element("KmsKeyId", _text),
    "ownerId": _Element("OwnerId", _text),
    "progress": _Element("Progress", _text),
    "snapshotId": _Element("SnapshotId", _text),
    "startTime": _Element("StartTime", _moment),
    "status": _Element("State", _text),
    "statusMessage": _Element("StateMessage", _text),
    "tagSet": _Element("Tags", _items(_TAG)),
    "volumeId": _Element("VolumeId", _text),
    "volumeSize": _Element("VolumeSize", _integer),
}
_IDENTITY = {"Account": _Element("Account", _text), "Arn": _Element("Arn", _text)}

_ANSWERS: Mapping[str, _Table] = {
    "DescribeSnapshots": {
        "nextToken": _Element("NextToken", _text),
        "snapshotSet": _Element("Snapshots", _items(_SNAPSHOT)),
    },
    "GetCallerIdentity": {
        "GetCallerIdentityResult": _Element("Result", lambda each: _fields(each, _IDENTITY)),
    },
    "GetEbsEncryptionByDefault": {
        "ebsEncryptionByDefault": _Element("EbsEncryptionByDefault", _flag),
    },
}
"""What is read of each answer; nothing of the others but that they are EC2's."""
