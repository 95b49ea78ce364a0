"""EC2's errors: codes, HTTP status, and the wording where more than one action uses it.

Codes after the EC2 API Reference, "Error codes". Knows nothing of what led to an error.
"""

from collections.abc import Sequence

from bulkput.emulator.answer import XML, Answer
from bulkput.emulator.ec2.text import xml_text
from bulkput.emulator.errors import ApiError


class Ec2Error(Exception):
    """An error answer of the EC2 API."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(f"{http_status} {code}: {message}")


_SIGNATURE_ERRORS = {
    "MissingAuthenticationTokenException": ("MissingParameter", 400),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "UnrecognizedClientException": ("AuthFailure", 401),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "ExpiredTokenException": ("RequestExpired", 400),
}
_SCRIPTED_ERRORS = {
    "AccessDeniedException": ("UnauthorizedOperation", 403),
    "ExpiredTokenException": ("RequestExpired", 400),
    "InternalServerException": ("InternalError", 500),
    "ThrottlingException": ("RequestLimitExceeded", 503),
}
"""EC2's names for what the direct API calls otherwise."""


def signature_error(code: str, message: str) -> Ec2Error:
    """Return EC2's own form of what is wrong with a signature."""
    name, http_status = _SIGNATURE_ERRORS[code]
    if name == "AuthFailure":
        message = "AWS was not able to validate the provided access credentials"
    if message.startswith("Signature expired"):
        name, http_status, message = "RequestExpired", 400, "Request has expired."
    return Ec2Error(name, message, http_status)


def scripted_error(error: ApiError) -> Ec2Error:
    """Return EC2's own form of a scripted error, which has the direct API's."""
    known = _SCRIPTED_ERRORS.get(error.code)
    code, http_status = known or (error.code.removesuffix("Exception"), error.http_status)
    message = error.message
    if code == "UnauthorizedOperation":
        message = f"You are not authorized to perform this operation. {message}"
    return Ec2Error(code, message, http_status)


def ec2_error_answer(error: Ec2Error) -> Answer:
    """Return an error answer in EC2's form."""
    answer = Answer(error.http_status, b"", XML, code=error.code)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{xml_text(error.code)}</Code>"
        f"<Message>{xml_text(error.message)}</Message></Error></Errors>"
        f"<RequestID>{answer.request_id}</RequestID></Response>"
    )
    answer.body = text.encode()
    return answer


def dry_run() -> Ec2Error:
    """Return the answer to a call that would have been carried out."""
    message = "Request would have succeeded, but DryRun flag is set."
    return Ec2Error("DryRunOperation", message, 412)


def unauthorized() -> Ec2Error:
    """Return the refusal of what is another account's."""
    message = "You are not authorized to perform this operation."
    return Ec2Error("UnauthorizedOperation", message, 403)


def missing(name: str) -> Ec2Error:
    """Return the answer to a call without a parameter that it needs."""
    return Ec2Error("MissingParameter", f"The request must contain the parameter {name}")


def invalid_value(value: object, name: str, expected: str = "") -> Ec2Error:
    """Return the answer to a value that a parameter cannot have."""
    message = f"Value ({value}) for parameter {name} is invalid. {expected}".rstrip()
    return Ec2Error("InvalidParameterValue", message)


def invalid_combination(message: str) -> Ec2Error:
    """Return the answer to parameters that cannot stand beside each other."""
    return Ec2Error("InvalidParameterCombination", message)


def key_without_encrypted() -> Ec2Error:
    """Return the answer to a key for what is not to be encrypted."""
    message = "The parameter KmsKeyId requires the parameter Encrypted to be set."
    return Ec2Error("InvalidParameterDependency", message)


def snapshot_not_found(snapshot_id: str) -> Ec2Error:
    """Return the answer to a snapshot that is not there."""
    return Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def volume_not_found(volume_id: str) -> Ec2Error:
    """Return the answer to a volume that is not there."""
    return Ec2Error("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")


def instance_not_found(instance_id: str) -> Ec2Error:
    """Return the answer to an instance that is not there."""
    message = f"The instance ID '{instance_id}' does not exist"
    return Ec2Error("InvalidInstanceID.NotFound", message)


def template_not_found(template_id: str) -> Ec2Error:
    """Return the answer to a launch template that is not there."""
    message = f"The specified launch template, with template ID {template_id}, does not exist."
    return Ec2Error("InvalidLaunchTemplateId.NotFound", message)


def images_not_found(image_ids: Sequence[str]) -> Ec2Error:
    """Return the answer to images that are not there, or not any more."""
    noun = "id" if len(image_ids) == 1 else "ids"
    verb = "does" if len(image_ids) == 1 else "do"
    message = f"The image {noun} '[{', '.join(image_ids)}]' {verb} not exist"
    return Ec2Error("InvalidAMIID.NotFound", message)


def incorrect_state(what: str) -> Ec2Error:
    """Return the answer to what cannot be done yet, or any more."""
    return Ec2Error("IncorrectState", what)


def limit_exceeded(what: str) -> Ec2Error:
    """Return the answer to one more than there may be."""
    return Ec2Error("ResourceLimitExceeded", what)
