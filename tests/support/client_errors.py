"""How boto3 reports a refusal."""

import pytest
from botocore.exceptions import ClientError


def error_of(call, **fields):
    """Return HTTP status, code and Reason as boto3 has them."""
    with pytest.raises(ClientError) as caught:
        call(**fields)
    answer = caught.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, answer["Error"]["Code"], answer.get("Reason")
