"""Calls in JSON: the EBS direct APIs around the blocks, and Service Quotas. Pure.

A table says where each parameter goes, as the service's model has it; a test holds the requests to
botocore's.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from bulkput.ebs.control_session import ControlRequest
from bulkput.ebs.http_response import HttpResponse
from bulkput.ebs.signer import encode_query

_NONE: Mapping[str, str] = MappingProxyType({})


class _Route(NamedTuple):
    """How one operation is asked; parameters that no field names make the body."""

    method: str
    path: str
    """With the parameters that are part of it in braces."""
    query: Mapping[str, str] = _NONE
    headers: Mapping[str, str] = _NONE
    times: tuple[str, ...] = ()
    """Fields of the answer that are seconds since 1970."""


_PAGE = {
    "NextToken": "pageToken",
    "MaxResults": "maxResults",
    "StartingBlockIndex": "startingBlockIndex",
}

_EBS = {
    "StartSnapshot": _Route("POST", "/snapshots", times=("StartTime",)),
    "CompleteSnapshot": _Route(
        "POST",
        "/snapshots/completion/{SnapshotId}",
        headers={
            "ChangedBlocksCount": "x-amz-ChangedBlocksCount",
            "Checksum": "x-amz-Checksum",
            "ChecksumAlgorithm": "x-amz-Checksum-Algorithm",
            "ChecksumAggregationMethod": "x-amz-Checksum-Aggregation-Method",
        },
    ),
    "ListSnapshotBlocks": _Route(
        "GET", "/snapshots/{SnapshotId}/blocks", query=_PAGE, times=("ExpiryTime",)
    ),
    "ListChangedBlocks": _Route(
        "GET",
        "/snapshots/{SecondSnapshotId}/changedblocks",
        query={**_PAGE, "FirstSnapshotId": "firstSnapshotId"},
        times=("ExpiryTime",),
    ),
}

_QUOTAS_TARGET = "ServiceQuotasV20190624"


def ebs_request(url: str, operation: str, parameters: Mapping[str, Any]) -> ControlRequest:
    """Return the request of an operation of the EBS direct APIs, not signed yet.

    Args:
        url: The endpoint's.
        operation: As ``StartSnapshot``.
        parameters: By the names of the service's model.
    """
    route = _EBS[operation]
    path, query, headers, content = route.path, [], {}, {}
    for name, value in parameters.items():
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", quote(str(value), safe="-_.~"))
        elif name in route.query:
            query.append((route.query[name], str(value)))
        elif name in route.headers:
            headers[route.headers[name]] = str(value)
        else:
            content[name] = value
    body = b""
    if content:
        headers["Content-Type"] = "application/json"
        body = json.dumps(content).encode()
    target = f"{url}{path}?{encode_query(query)}" if query else f"{url}{path}"
    return ControlRequest(route.method, target, headers, body)


def ebs_answer(operation: str, answer: HttpResponse) -> dict[str, Any]:
    """Return the fields of an answer; none of a body that is no JSON, as web pages are.

    Raises:
        TypeError: it is JSON of another form.
    """
    fields = _object(answer.body)
    for name in _EBS[operation].times:
        if name in fields:
            fields[name] = _time(fields[name])
    return fields


def quotas_request(url: str, operation: str, parameters: Mapping[str, Any]) -> ControlRequest:
    """Return the request of an operation of Service Quotas, as ``ebs_request``."""
    headers = {
        "X-Amz-Target": f"{_QUOTAS_TARGET}.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    return ControlRequest("POST", f"{url}/", headers, json.dumps(parameters).encode())


def quotas_answer(_: str, answer: HttpResponse) -> dict[str, Any]:
    """Return the fields of an answer, as ``ebs_answer``."""
    return _object(answer.body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        raise TypeError("no object")
    return {name: value for name, value in found.items() if value is not None}


def _time(value: Any) -> Any:
    """Return a time as such; what is none as it is, for whoever checks the answer."""
    if isinstance(value, bool):
        return value
    try:
        if isinstance(value, str) and not value.replace(".", "").isdigit():
            return datetime.fromisoformat(value)
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return value
