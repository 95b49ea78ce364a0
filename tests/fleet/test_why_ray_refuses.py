"""Ray's errors, tracebacks among them, become one sentence each."""

import pytest

from bulkput.fleet.refusal import is_passing, refusal

STARTS_NONE = "RuntimeError: Starting Ray client server failed. See ray_client_server_23000.err"
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.55.0
    Python: 3.11.7
This process on node 10.0.0.1 was started with:
    Ray: 2.60.0
    Python: 3.12.1
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (MISMATCH, "it has Ray 2.55.0 on Python 3.11.7, and this machine Ray 2.60.0 on Python 3.1"),
        ("InvalidAuthToken: Authentication token is missing or incorrect", "cluster's secret"),
        ("No node info found matching attributes: '' when trying", "this machine is no host of it"),
        ("ray client connection timeout", "serves no Ray clients, or refuses"),
        ("something else\nand its trace", "something else"),
        ("Failure from server:\nTraceback\nKeyError: 'x'\n", "server: KeyError: 'x'"),
        (f"Initialization failure from server:\nTraceback\n{STARTS_NONE}", "starts no process for"),
    ],
)
def test_what_ray_reports_becomes_a_sentence(words, expected):
    found = refusal(words)
    assert expected in found
    assert "\n" not in found
    assert is_passing(words) == ("starts no process" in found)
