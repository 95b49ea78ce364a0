"""Every JSON call by its target, and the way of a call from its body to its answer."""

import json

from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, json_answer
from bulkput.emulator.call import Call
from bulkput.emulator.ec2.call import Action, Ec2Call, action_name
from bulkput.emulator.ec2.errors import Ec2Error
from bulkput.emulator.json_calls import keys, parameters
from bulkput.emulator.json_calls.errors import JSON_1_1, JsonError

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
    now_unix_s = account.clock.unix_s()
    try:
        answer = json_answer(200, action(Ec2Call(account, call.region, fields, now_unix_s)))
    except Ec2Error as error:
        raise JsonError("ValidationException", error.message) from error
    answer.content_type = JSON_1_1
    return answer
