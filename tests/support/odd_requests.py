"""Requests of any shape, as Hypothesis draws them."""

import json
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

BLOCK = 524_288
EXAMPLES = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["0", "2047", "2048", "-1", "+1", "1.5", "1e9", "٣", "²", "1_0", "0x1", " 1"]),
)
ODD_TEXT = st.one_of(
    NUMBERS,
    st.text(max_size=40),
    st.sampled_from(
        ["", "null", "a" * 5000, "\0", "🐘", "../..", "%", "%zz", "%00", ";", "{}", "[]"]
    ),
)
ROUTES = (
    ("PUT", "/snapshots/{}/blocks/{}"),
    ("GET", "/snapshots/{}/blocks/{}"),
    ("GET", "/snapshots/{}/blocks"),
    ("GET", "/snapshots/{}/changedblocks"),
    ("POST", "/snapshots/completion/{}"),
    ("POST", "/snapshots"),
    ("POST", "/"),
    ("POST", "/_emulator/faults"),
    ("POST", "/_emulator/quota"),
    ("POST", "/_emulator/owner"),
)
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS")
PARAMETERS = {
    *("pageToken", "maxResults", "startingBlockIndex", "firstSnapshotId", "blockToken", "x"),
}
HEADERS = (
    *("x-amz-Data-Length", "x-amz-Checksum", "x-amz-Checksum-Algorithm", "x-amz-Progress"),
    *("x-amz-ChangedBlocksCount", "x-amz-Checksum-Aggregation-Method", "X-Amz-Date"),
    *("Authorization", "X-Amz-Content-SHA256", "X-Amz-Security-Token", "Host", "Origin"),
    *("Content-Type", "Content-Encoding"),
)


@st.composite
def requests(draw):
    """Return a plan of a request; ids and tokens are put in when the server is at hand."""
    ids = st.one_of(st.integers(0, 4), ODD_TEXT)
    method, shape = draw(st.sampled_from(ROUTES))
    if draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(METHODS))
    if draw(st.integers(0, 9)) == 0:
        shape = draw(st.sampled_from(("/{}", "{}", "/_emulator/{}", "/snapshots/{}/{}")))
    values = st.one_of(ids, ODD_TEXT)
    return {
        "method": method,
        "shape": shape,
        "parts": (draw(ids), draw(st.one_of(NUMBERS, ODD_TEXT))),
        "query": draw(st.dictionaries(st.sampled_from(sorted(PARAMETERS)), values, max_size=4)),
        "headers": draw(st.dictionaries(st.sampled_from(HEADERS), ODD_TEXT, max_size=5)),
        "body": draw(bodies(shape)),
        "is_signed": draw(st.integers(0, 3)) > 0,
    }


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.just("\ud800\0"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
STARTS = ("VolumeSize", "ParentSnapshotId", "Tags", "Description", "ClientToken", "Encrypted")
STARTS += ("KmsKeyArn", "Timeout")
FAULTS = ("operation", "nth", "times", "http_status", "code", "reason", "message", "snapshot_id")
FAULTS += ("block_index", "delay_s", "at_bytes")
CONTROLS = ("puts_per_s_account", "latency_ms", "owner_id", "is_public", "snapshot_id", "kind")
FORM = ("SnapshotId", "SnapshotId.1", "Owner.1", "Filter.1.Name", "Filter.1.Value.1")
FORM += ("MaxResults", "NextToken", "DryRun")
KINDS = st.sampled_from(["throttle-account", "error", "html-503", "wrong-echo", "clock-skew"])


def objects(names, values):
    return st.dictionaries(st.sampled_from(names), values, max_size=5)


ODD_BODIES = {
    "a deep list": b"[" * 200_000,
    "a deep object": b'{"a":' * 90_000,
    "no text": b"\xff\xfe",
    "null": b"null",
    "nothing": b"",
}
"""By names, so that a failure prints no megabyte."""


@st.composite
def bodies(draw, shape):
    """Return what may come with a request of this shape."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(sorted(ODD_BODIES)))
    if shape == "/":
        action = draw(st.sampled_from(["DescribeSnapshots", "DeleteSnapshot", "DescribeVpcs"]))
        fields = draw(objects(FORM, ODD_TEXT))
        text = "&".join(f"{n}={quote(v, errors='surrogatepass')}" for n, v in fields.items())
        return f"Action={action}&{text}".encode()
    values = st.one_of(JSON, ODD_TEXT)
    if shape == "/snapshots":
        fields = {"VolumeSize": 1} | draw(objects(STARTS, values))
    elif shape == "/_emulator/faults":
        fields = {"kind": draw(KINDS)} | draw(objects(FAULTS, values))
    elif shape.startswith("/_emulator"):
        fields = draw(objects(CONTROLS, values))
    else:
        return draw(st.binary(max_size=200))
    return json.dumps(fields).encode()
