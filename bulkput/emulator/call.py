"""One request as the operations see it: which operation, on what, with which headers and body.

Owns the paths of the EBS direct API. Knows nothing of aiohttp, and does not check values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

_ROUTES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("PUT", re.compile(r"/snapshots/([^/]+)/blocks/([^/]+)"), "PutSnapshotBlock"),
    ("GET", re.compile(r"/snapshots/([^/]+)/blocks/([^/]+)"), "GetSnapshotBlock"),
    ("GET", re.compile(r"/snapshots/([^/]+)/blocks"), "ListSnapshotBlocks"),
    ("GET", re.compile(r"/snapshots/([^/]+)/changedblocks"), "ListChangedBlocks"),
    ("POST", re.compile(r"/snapshots/completion/([^/]+)"), "CompleteSnapshot"),
    ("POST", re.compile(r"/snapshots"), "StartSnapshot"),
    ("POST", re.compile(r"/"), "EC2"),
)
EC2 = "EC2"
"""Stands for the EC2 query protocol until the body names the action."""
JSON_CALL = "JSON"
"""Stands for the JSON protocol of Systems Manager and KMS, whose header names the action."""
JSON_SERVICES = {"AmazonSSM": "ssm", "TrentService": "kms"}
"""First half of X-Amz-Target to the service."""
OPERATIONS = frozenset(operation for _, _, operation in _ROUTES if operation != EC2)


@dataclass(slots=True)
class Call:
    """A request: the parts of its path, and what came with it."""

    method: str
    raw_path: str
    """As sent, without the query."""
    raw_query: str
    headers: Mapping[str, str]
    operation: str
    snapshot_id: str | None = None
    block_index_text: str | None = None
    body: bytes = b""
    """Whole body of every operation but PutSnapshotBlock."""
    form: dict[str, str] = field(default_factory=dict)
    """EC2's parameters."""
    target: str = ""
    """Service and action of a JSON call."""
    region: str = "us-east-1"
    """The one that the signature names."""

    @property
    def block_index(self) -> int | None:
        """The path's block index, or None if there is none that is a plain number."""
        text = self.block_index_text or ""
        return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None

    @property
    def action(self) -> str:
        """What is asked for, by the name that faults, counts and IAM have for it."""
        if self.operation == EC2:
            return self.form.get("Action", "")
        return self.target.partition(".")[2] if self.target else self.operation

    @property
    def service(self) -> str:
        """The service's name in signatures and in IAM's actions; ssm for an unknown target."""
        if self.operation == JSON_CALL:
            return JSON_SERVICES.get(self.target.partition(".")[0], "ssm")
        return "ec2" if self.operation == EC2 else "ebs"

    def query(self) -> dict[str, str]:
        """Return the query's parameters; the last of a name wins."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))


def parse_call(method: str, target: str, headers: Mapping[str, str]) -> Call | None:
    """Return the call that a request line asks for, or None if the API has no such path."""
    raw_path, _, raw_query = target.partition("?")
    for verb, pattern, operation in _ROUTES:
        if verb != method:
            continue
        match = pattern.fullmatch(raw_path)
        if match is not None:
            target = headers.get("X-Amz-Target", "") if operation == EC2 else ""
            names = [unquote(part) for part in match.groups()]
            return Call(
                method=method,
                raw_path=raw_path,
                raw_query=raw_query,
                headers=headers,
                operation=JSON_CALL if target else operation,
                target=target,
                snapshot_id=names[0] if names else None,
                block_index_text=names[1] if len(names) > 1 else None,
            )
    return None
