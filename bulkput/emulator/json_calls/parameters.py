"""Systems Manager's parameters: strings by name, with the data type of an image's id.

After the Systems Manager API Reference, "PutParameter".
"""

import dataclasses
import re
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.images import image_state
from bulkput.emulator.json_calls.errors import JsonError
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Parameter

_NAME = re.compile(r"/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+){0,14}")
_NAME_MAX = 1011
_RESERVED = ("aws", "ssm")
_IMAGE_TYPE = "aws:ec2:image"
_DATA_TYPES = ("text", _IMAGE_TYPE, "aws:ssm:integration")
_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8}([0-9a-f]{9})?")
_KINDS = ("String", "StringList", "SecureString")
_VALUE_MAX_BYTES = 4096
_NAMES_MAX = 10


def put_parameter(call: Ec2Call) -> Fields:
    """Set a parameter; of an image's id, 200 does not promise that it was set."""
    name, value = call.given("Name"), call.given("Value")
    _check_name(name)
    shelf = call.account.resources.parameters
    held = shelf.get(name, call.region)
    if held is not None and not call.given("Overwrite"):
        message = "The parameter already exists. To overwrite this value, set the overwrite option"
        raise JsonError("ParameterAlreadyExists", f"{message} in the request to true.")
    if call.given("Tags") and call.given("Overwrite"):
        message = "Invalid request: tags and overwrite can't be used together."
        raise JsonError("ValidationException", message)
    kind = call.given("Type") or (None if held is None else held.kind)
    if kind not in _KINDS:
        message = "A parameter type is required when you create a parameter."
        raise JsonError("ValidationException", message)
    data_type = call.given("DataType") or ("text" if held is None else held.data_type)
    if data_type not in _DATA_TYPES:
        message = f"The following data type is not supported: {data_type}"
        raise JsonError("ValidationException", message)
    if not 1 <= len(value.encode("utf-8", "surrogatepass")) <= _VALUE_MAX_BYTES:
        message = f"Standard tier parameters support 1 to {_VALUE_MAX_BYTES} characters."
        raise JsonError("ValidationException", message)
    version = 1 if held is None else held.version + 1
    if data_type == _IMAGE_TYPE and not _is_image(call, value):
        # Validated after the answer: an image that is not there only shows in what is not set.
        return {"Version": version, "Tier": "Standard"}
    held_tags = () if held is None else held.tags
    shelf.put(
        Parameter(
            name=name,
            region=call.region,
            value=value,
            kind=kind,
            data_type=data_type,
            version=version,
            modified_unix_s=call.now_unix_s,
            description=call.given("Description"),
            tags=tuple(_given_tags(call).items()) or held_tags,
        )
    )
    return {"Version": version, "Tier": "Standard"}


def get_parameter(call: Ec2Call) -> Fields:
    """Show a parameter."""
    return {"Parameter": _item(_existing(call, call.given("Name")))}


def get_parameters(call: Ec2Call) -> Fields:
    """Show several, and which of them there are not."""
    names = _names(call)
    shelf = call.account.resources.parameters
    found = [each for name in names if (each := shelf.get(name, call.region)) is not None]
    missing = sorted(set(names) - {each.name for each in found})
    return {"Parameters": [_item(each) for each in found], "InvalidParameters": missing}


def get_parameters_by_path(call: Ec2Call) -> Fields:
    """Show those below a path."""
    path = call.given("Path").rstrip("/") + "/"
    found = [
        _item(each)
        for each in call.account.resources.parameters.in_region(call.region)
        if each.name.startswith(path)
        and (call.given("Recursive") or "/" not in each.name.removeprefix(path))
    ]
    return {"Parameters": found}


def delete_parameter(call: Ec2Call) -> Fields:
    """Forget a parameter."""
    found = _existing(call, call.given("Name"))
    call.account.resources.parameters.remove(found)
    return {}


def delete_parameters(call: Ec2Call) -> Fields:
    """Forget several, and report which of them there are not."""
    names = _names(call)
    shelf = call.account.resources.parameters
    found = [each for name in names if (each := shelf.get(name, call.region)) is not None]
    for each in found:
        shelf.remove(each)
    gone = [each.name for each in found]
    return {"DeletedParameters": gone, "InvalidParameters": sorted(set(names) - set(gone))}


def add_tags_to_resource(call: Ec2Call) -> Fields:
    """Add tags to a parameter."""
    found = _tagged(call)
    fresh = dict(found.tags) | _given_tags(call)
    call.account.resources.parameters.put(dataclasses.replace(found, tags=tuple(fresh.items())))
    return {}


def list_tags_for_resource(call: Ec2Call) -> Fields:
    """Show a parameter's tags."""
    return {"TagList": [{"Key": key, "Value": value} for key, value in _tagged(call).tags]}


def _names(call: Ec2Call) -> list[str]:
    names: list[str] = call.given("Names")
    if len(names) > _NAMES_MAX:
        raise JsonError("ValidationException", f"Names takes 1 to {_NAMES_MAX} names.")
    return list(dict.fromkeys(names))


def _given_tags(call: Ec2Call) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in call.given("Tags", ())}


def _existing(call: Ec2Call, name: str) -> Parameter:
    # An ARN names a parameter as well: arn:aws:ssm:REGION:ACCOUNT:parameter/NAME.
    plain = name.partition(":parameter")[2] if name.startswith("arn:") else name
    shelf = call.account.resources.parameters
    found = shelf.get(plain, call.region) or shelf.get(plain.removeprefix("/"), call.region)
    if found is None:
        raise JsonError("ParameterNotFound", f"Parameter {name} not found.")
    return found


def _tagged(call: Ec2Call) -> Parameter:
    if call.given("ResourceType") != "Parameter":
        raise JsonError("InvalidResourceType", "The resource type is not valid.")
    found = call.account.resources.parameters.get(call.given("ResourceId"), call.region)
    if found is None:
        raise JsonError("InvalidResourceId", "The resource ID is not valid.")
    return found


def _check_name(name: str) -> None:
    first = name.removeprefix("/").partition("/")[0].lower()
    if len(name) > _NAME_MAX or not _NAME.fullmatch(name):
        message = (
            "Parameter name must be a fully qualified name of a-zA-Z0-9_.- and up to 15 levels"
        )
        raise JsonError("ValidationException", message)
    if any(first.startswith(each) for each in _RESERVED):
        message = f'Parameter name: can\'t be prefixed with "{first}" (case-insensitive).'
        raise JsonError("ValidationException", message)


def _is_image(call: Ec2Call, value: str) -> bool:
    if not _IMAGE_ID.fullmatch(value):
        message = f"Invalid value for the data type {_IMAGE_TYPE}: {value}"
        raise JsonError("ValidationException", message)
    image = call.account.resources.images.get(value, call.region)
    return image is not None and image_state(image, call.now_unix_s) == "available"


def _item(each: Parameter) -> dict[str, Any]:
    slash = "" if each.name.startswith("/") else "/"
    return {
        "Name": each.name,
        "Type": each.kind,
        "Value": each.value,
        "Version": each.version,
        "LastModifiedDate": round(each.modified_unix_s, 3),
        "ARN": f"arn:aws:ssm:{each.region}:{OWNER_ID}:parameter{slash}{each.name}",
        "DataType": each.data_type,
    }
