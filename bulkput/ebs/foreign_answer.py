"""Refusals in a form that aiobotocore cannot parse: EC2 speaks XML, and who answers may not.

A gateway's JSON, a proxy's page: aiobotocore raises a parser's error without the status. This reads
them before it does, as the data plane reads its answers.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from bulkput.ebs.error_response import BODY_LIMIT_BYTES, error_of_answer

_XML_PROTOCOLS = frozenset({"ec2", "query"})


def refuse_foreign_answers(client: Any, region: str) -> None:
    """Let every refusal of ``client``'s service that is not in its form become a ``ServiceError``.

    Args:
        client: An aiobotocore client.
        region: For the advice.
    """
    model = client.meta.service_model
    if model.metadata.get("protocol") not in _XML_PROTOCOLS:
        return

    def look(response_dict: Mapping[str, Any], operation_model: Any, **_: Any) -> None:
        body = response_dict.get("body")
        if response_dict["status_code"] < 300 or not isinstance(body, bytes):
            return
        if not _is_xml(body):
            raise error_of_answer(
                operation_model.name,
                response_dict["status_code"],
                response_dict["headers"],
                body[:BODY_LIMIT_BYTES],
                region=region,
            )

    client.meta.events.register(f"before-parse.{model.service_id.hyphenize()}", look)


def _is_xml(body: bytes) -> bool:
    try:
        ET.fromstring(body)  # noqa: S314 - expat bounds entities; botocore does the same
    except (ET.ParseError, ValueError, LookupError):
        return False
    return True
