"""The URL with which CopySnapshot asks another Region for an encrypted snapshot.

EC2's API wants it of whoever speaks the query protocol: the same request, signed for the source's
Region ("PresignedUrl", EC2 API Reference, CopySnapshot). Every SDK adds it unasked.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from bulkput.ebs.credentials import Credentials
from bulkput.ebs.model_calls import model_request

_EXPIRES_S = 3600
"""As botocore's; EC2 uses it at once."""


def with_presigned_url(
    parameters: Mapping[str, Any], credentials: Credentials, *, source_url: str, region: str
) -> dict[str, Any]:
    """Return the parameters of CopySnapshot with what a copy from another Region takes.

    Args:
        parameters: With ``SourceRegion``.
        credentials: Whose.
        source_url: EC2's endpoint in the source's Region.
        region: Of the copy.
    """
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415 - only a copy pays
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - the same
    from botocore.credentials import Credentials as Keys  # noqa: PLC0415 - the same

    asked = {**parameters, "DestinationRegion": region}
    body = model_request("ec2", source_url, "CopySnapshot", asked).body.decode()
    query = dict(parse_qsl(body, keep_blank_values=True))
    request = AWSRequest("GET", url=f"{source_url}/", params=query)
    keys = Keys(credentials.access_key, credentials.secret_key, credentials.session_token)
    SigV4QueryAuth(keys, "ec2", parameters["SourceRegion"], expires=_EXPIRES_S).add_auth(request)
    return {**asked, "PresignedUrl": request.url}
