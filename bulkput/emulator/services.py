"""The services behind one address: which call is whose, and the form of each one's errors.

Owns the choice between the direct API, EC2, Systems Manager and KMS. Knows no operation's rules.
"""

from collections.abc import Callable

from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, error_answer
from bulkput.emulator.call import EC2, JSON_CALL, Call
from bulkput.emulator.ec2.actions import answer_action
from bulkput.emulator.ec2.errors import Ec2Error, ec2_error_answer, scripted_error, signature_error
from bulkput.emulator.errors import ApiError
from bulkput.emulator.json_calls.actions import answer_json
from bulkput.emulator.json_calls.errors import JsonError, json_error_answer, json_error_of
from bulkput.emulator.put import BlockBody, complete_snapshot, put_snapshot_block
from bulkput.emulator.read import get_snapshot_block, list_changed_blocks, list_snapshot_blocks
from bulkput.emulator.signature import SignatureError
from bulkput.emulator.start import start_snapshot

PUT = "PutSnapshotBlock"
_OPERATIONS: dict[str, Callable[[Account, Call], Answer]] = {
    "StartSnapshot": start_snapshot,
    "CompleteSnapshot": complete_snapshot,
    "GetSnapshotBlock": get_snapshot_block,
    "ListSnapshotBlocks": list_snapshot_blocks,
    "ListChangedBlocks": list_changed_blocks,
    EC2: answer_action,
    JSON_CALL: answer_json,
}
SERVICE_ERRORS = (ApiError, Ec2Error, JsonError)
ServiceError = ApiError | Ec2Error | JsonError


def perform(account: Account, call: Call, block: BlockBody) -> Answer:
    """Answer a call whose signature holds.

    Raises:
        ApiError: the direct API's, Ec2Error: EC2's, JsonError: the others'.
    """
    if call.operation == PUT:
        return put_snapshot_block(account, call, block)
    return _OPERATIONS[call.operation](account, call)


def refusal(call: Call, error: SignatureError) -> ServiceError:
    """Return what the service answers to a signature that does not hold."""
    if call.operation == EC2:
        return signature_error(error.code, error.message)
    if call.operation == JSON_CALL:
        return JsonError(error.code, error.message)
    return ApiError(error.code, error.message)


def scripted(call: Call, error: ApiError) -> ServiceError:
    """Return the service's own form of a scripted error, which has the direct API's."""
    if call.operation == EC2:
        return scripted_error(error)
    return json_error_of(error) if call.operation == JSON_CALL else error


def answer_of(error: ServiceError) -> Answer:
    """Return an error in the form of its service."""
    if isinstance(error, Ec2Error):
        return ec2_error_answer(error)
    return json_error_answer(error) if isinstance(error, JsonError) else error_answer(error)
