"""Signed requests to the emulator's own endpoint: faults, quotas and counts of a running server."""

import json
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def control(server, name, fields=None, *, method=None, keys):
    """Return the answer of ``/_emulator/name``; ``fields`` make it a post."""
    body = b"" if fields is None else json.dumps(fields).encode()
    method = method or ("GET" if fields is None else "POST")
    request = AWSRequest(method, f"{server.url}/_emulator/{name}", data=body)
    SigV4Auth(Credentials(*keys), "ebs", "us-east-1").add_auth(request)
    wanted = urllib.request.Request(
        request.url, body or None, dict(request.headers.items()), method=method
    )
    with urllib.request.urlopen(wanted, timeout=10) as answer:
        return json.load(answer)
