"""The URL with which CopySnapshot asks another Region for an encrypted snapshot.

EC2's API wants it of whoever speaks the query protocol: the same request, signed for the source's
Region ("PresignedUrl", EC2 API Reference, CopySnapshot). Every SDK adds it unasked.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bulkput.ebs.credentials import Credentials
from bulkput.ebs.model_calls import model_request
from bulkput.ebs.signer import Signer

_EXPIRES_S = 3600
"""As botocore's; EC2 uses it at once."""


def with_presigned_url(
    parameters: Mapping[str, Any],
    credentials: Credentials,
    *,
    source_url: str,
    region: str,
    unix_s: float,
) -> dict[str, Any]:
    """Return the parameters of CopySnapshot with what a copy from another Region takes.

    Args:
        parameters: With ``SourceRegion``.
        credentials: Whose.
        source_url: EC2's endpoint in the source's Region.
        region: Of the copy.
        unix_s: The service's time.
    """
    asked = {**parameters, "DestinationRegion": region}
    body = model_request("ec2", source_url, "CopySnapshot", asked).body.decode()
    fields = parse_qsl(body, keep_blank_values=True)
    parts = urlsplit(source_url)
    signer = Signer(parameters["SourceRegion"], "ec2", parts.netloc.lower())
    query = signer.presign(credentials, unix_s, f"{parts.path}/", fields, _EXPIRES_S)
    return {**asked, "PresignedUrl": f"{source_url}/?{query}"}
