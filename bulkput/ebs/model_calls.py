"""Requests and answers of EC2, Systems Manager and KMS as botocore's models have them.

What is made of snapshots takes some thirty operations, whose requests and answers botocore writes
and reads. It costs 0.2 s and 20 MiB for EC2's model, which only a run with such steps pays; nothing
of botocore's clients, sessions or retries is used.
"""

import functools
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from bulkput.ebs.api_client import ApiService
from bulkput.ebs.control_session import ControlRequest
from bulkput.ebs.http_response import HttpResponse
from bulkput.ebs.query_calls import FORM, UnreadableXmlError
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


@functools.cache
def load_model(service: str) -> Any:
    """Return botocore's model of a service, read once a process. Blocks."""
    from botocore.loaders import Loader  # noqa: PLC0415 - 0.1 s that only such steps pay
    from botocore.model import ServiceModel  # noqa: PLC0415 - the same

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def model_request(
    service: str, url: str, operation: str, parameters: Mapping[str, Any]
) -> ControlRequest:
    """Return the request of an operation, not signed yet.

    Raises:
        ServiceError: the parameters are not of the model's form.
    """
    from botocore.exceptions import ParamValidationError  # noqa: PLC0415 - as in load_model
    from botocore.serialize import create_serializer  # noqa: PLC0415 - the same

    model = load_model(service)
    serializer = create_serializer(model.metadata["protocol"])
    try:
        made = serializer.serialize_to_request(dict(parameters), model.operation_model(operation))
    except ParamValidationError as error:
        raise ServiceError(operation, FailureClass.INVALID, str(error)) from error
    headers, body = dict(made["headers"]), made["body"]
    if isinstance(body, Mapping):
        headers["Content-Type"], body = FORM, urlencode(body).encode()
    return ControlRequest("POST", f"{url}/", headers, body)


def model_answer(service: str, operation: str, answer: HttpResponse) -> dict[str, Any]:
    """Return the fields of an answer.

    Raises:
        UnreadableXmlError: it is not of the service's form.
    """
    from botocore.parsers import ResponseParserError, create_parser  # noqa: PLC0415 - as above

    model = load_model(service)
    shape = model.operation_model(operation).output_shape
    raw = {"body": answer.body, "headers": answer.headers, "status_code": answer.status}
    try:
        parsed = create_parser(model.metadata["protocol"]).parse(raw, shape)
    except (ResponseParserError, ValueError) as error:
        raise UnreadableXmlError(str(error)) from error
    return dict(parsed)


MODELLED = {
    name: ApiService(name, name, partial(model_request, name), partial(model_answer, name))
    for name in ("ec2", "ssm", "kms")
}
"""By the names that botocore has for them."""
