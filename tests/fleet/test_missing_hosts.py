"""What a volume waits for that no host has is named, with what there is."""

import pytest

from bulkput.config.fleet import PlacementSettings
from bulkput.fleet.missing_host import missing_host
from bulkput.fleet.placement import Host

A, B = Host("a", 1, {"rack": "7"}), Host("b", 1)
MANY = tuple(Host(f"h{number}", 1) for number in range(9))


@pytest.mark.parametrize(
    ("wanted", "hosts", "expected"),
    [
        ({"host": "c"}, (B, A), "no host of the fleet is called c; there are a, b"),
        ({"labels": {"rack": "9"}}, (A, B), "no host of the fleet has rack=9; there are a, b"),
        ({"host": "b", "labels": {"rack": "7"}}, (A, B), "the host b does not have rack=7"),
        (
            {"host": "c", "labels": {"x": "1"}},
            (A,),
            "no host of the fleet is called c; there is a",
        ),
        (
            {"host": "c"},
            MANY,
            "no host of the fleet is called c; there are h0, h1, h2, h3, h4, ...",
        ),
        ({}, (), "no host of the fleet is alive"),
        (
            {"labels": {"rack": "9", "disk": "nvme"}},
            (A,),
            "no host of the fleet has rack=9 and disk=nvme; there is a",
        ),
    ],
)
def test_the_sentence_names_what_is_wanted(wanted, hosts, expected):
    assert missing_host(PlacementSettings.model_validate(wanted), hosts) == expected
