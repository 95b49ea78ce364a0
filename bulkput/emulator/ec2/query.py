"""The EC2 query protocol by AWS's own service model: a form into parameters, an answer into XML.

Knows no action's rules.
"""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bulkput.emulator.ec2.errors import Ec2Error, invalid_value, missing
from bulkput.emulator.ec2.text import iso, xml_text
from bulkput.emulator.service_model import operation_model

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_COMMON = frozenset({"Action", "Version"})
_POSITION = re.compile(r"[0-9]{1,9}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_Node = dict[str, Any]
"""Part of a name to what follows; the value itself is under the empty name."""


def read_form(action: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of a call, by the names that the SDKs use.

    Raises:
        Ec2Error: one is unknown, missing, or not of its type.
    """
    tree: _Node = {}
    for name, value in form.items():
        if name in _COMMON:
            continue
        node = tree
        for part in name.split("."):
            node = node.setdefault(part, {})
        node[""] = value
    shape = operation_model("ec2", action).input_shape
    found: dict[str, Any] = _read(shape, tree, "")
    for name in shape.required_members:
        if found.get(name) in (None, "", []):
            raise missing(_form_name(name, shape.members[name]))
    return found


def write_answer(action: str, fields: Mapping[str, Any], request_id: str) -> bytes:
    """Return the XML of an answer; members that are None are left out, the rest in their order."""
    shape = operation_model("ec2", action).output_shape
    inner = "<return>true</return>" if shape is None else _write_members(shape, fields)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{action}Response xmlns="{_NAMESPACE}"><requestId>{request_id}</requestId>'
        f"{inner}</{action}Response>"
    ).encode()


def _form_name(name: str, shape: Any) -> str:
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    given = str(shape.serialization.get("name", name))
    return given[0].upper() + given[1:]


def _read(shape: Any, node: _Node, path: str) -> Any:
    if shape.type_name == "structure":
        return _read_members(shape, node, path)
    if shape.type_name == "list":
        if not all(_POSITION.fullmatch(each) for each in node):
            raise Ec2Error("InvalidParameterValue", f"{path} must be a list: {path}.1 and so on")
        ordered = sorted(node, key=int)
        return [_read(shape.member, node[each], f"{path}.{each}") for each in ordered]
    text = node.get("")
    if text is None or len(node) > 1:
        raise Ec2Error("UnknownParameter", f"The parameter {path} is not recognized")
    return _read_scalar(shape, text, path)


def _read_members(shape: Any, node: _Node, path: str) -> dict[str, Any]:
    names = {_form_name(name, each): name for name, each in shape.members.items()}
    found = {}
    for part, inner in node.items():
        full = f"{path}.{part}" if path else part
        if part not in names:
            raise Ec2Error(
                "UnknownParameter", f"The parameter {full.rstrip('.')} is not recognized"
            )
        found[names[part]] = _read(shape.members[names[part]], inner, full)
    return found


def _read_scalar(shape: Any, text: str, path: str) -> Any:
    kind = shape.type_name
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise invalid_value(text, path, "Expected: 'true' or 'false'.")
        return text.lower() == "true"
    if kind in ("integer", "long"):
        if not _INTEGER.fullmatch(text):
            raise invalid_value(text, path, "Expected: a number.")
        return int(text)
    if kind == "timestamp":
        return _read_time(text, path)
    if kind == "blob":
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise invalid_value(text[:20], path, "Expected: base64.") from None
    if getattr(shape, "enum", None) and text not in shape.enum:
        raise invalid_value(text, path, f"Expected one of: {', '.join(shape.enum)}.")
    return text


def _read_time(text: str, path: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        # In UTC, as answers have it: at either end of the calendar there is none.
        return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise invalid_value(text, path, "Expected: a time in ISO 8601.") from None


def _write_members(shape: Any, fields: Mapping[str, Any]) -> str:
    pieces = []
    for name, value in fields.items():
        member = shape.members.get(name)
        # A botocore that is older than a member cannot be asked for it, and would not read it.
        if member is not None and value is not None:
            pieces.append(_write(member, str(member.serialization.get("name", name)), value))
    return "".join(pieces)


def _write(shape: Any, tag: str, value: Any) -> str:
    kind = shape.type_name
    if kind == "structure":
        inner = _write_members(shape, value)
    elif kind == "list":
        item = str(shape.member.serialization.get("name", "member"))
        inner = "".join(_write(shape.member, item, each) for each in value)
    elif kind == "boolean":
        inner = "true" if value else "false"
    elif kind == "timestamp":
        inner = iso(value)
    elif kind == "blob":
        inner = base64.b64encode(value).decode("ascii")
    else:
        inner = xml_text(str(value))
    return f"<{tag}>{inner}</{tag}>"
