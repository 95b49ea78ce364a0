"""Every JSON call by its target, and the way of a call from its body to its answer."""

import json
from typing import Any

from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, json_answer
from bulkput.emulator.call import Call
from bulkput.emulator.ec2.call import Action, Ec2Call, action_name
from bulkput.emulator.ec2.errors import Ec2Error
from bulkput.emulator.json_calls import keys, parameters
from bulkput.emulator.json_calls.errors import JSON_1_1, JsonError
from bulkput.emulator.service_model import operation_model

_IMPLEMENTED = {
    "ssm": (
        *(parameters.put_parameter, parameters.get_parameter, parameters.get_parameters),
        *(parameters.get_parameters_by_path, parameters.delete_parameter),
        *(parameters.delete_parameters, parameters.add_tags_to_resource),
        parameters.list_tags_for_resource,
    ),
    "kms": (keys.describe_key, keys.list_aliases),
}
JSON_ACTIONS: dict[tuple[str, str], Action] = {
    (service, action_name(each)): each
    for service, each_of_it in _IMPLEMENTED.items()
    for each in each_of_it
}


def answer_json(account: Account, call: Call) -> Answer:
    """Answer the action that the target names.

    Raises:
        JsonError: it cannot be done.
    """
    name = call.target.partition(".")[2]
    action = JSON_ACTIONS.get((call.service, name))
    if action is None:
        raise JsonError("UnknownOperationException", f"{call.target} is not emulated")
    try:
        fields = json.loads(call.body or b"{}")
    except (ValueError, RecursionError):
        raise JsonError("SerializationException", "The request body is not JSON") from None
    if not isinstance(fields, dict):
        raise JsonError("SerializationException", "The request body is not a JSON object")
    fields = {key: value for key, value in fields.items() if value is not None}
    _check(call.service, name, fields)
    now_unix_s = account.clock.unix_s()
    try:
        answer = json_answer(200, action(Ec2Call(account, call.region, fields, now_unix_s)))
    except Ec2Error as error:
        raise JsonError("ValidationException", error.message) from error
    answer.content_type = JSON_1_1
    return answer


def _check(service: str, action: str, fields: dict[str, Any]) -> None:
    """Hold members, types and least lengths against AWS's model, as EC2's forms are.

    Raises:
        JsonError: they do not hold.
    """
    # Here: an emulator that is asked for blocks only needs none of it.
    from botocore.validate import ParamValidator  # noqa: PLC0415

    shape = operation_model(service, action).input_shape
    report = ParamValidator().validate(fields, shape)
    if report.has_errors():
        raise JsonError("ValidationException", report.generate_report())
