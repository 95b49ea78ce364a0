"""DescribeRegions and DescribeAvailabilityZones: the Regions that every account has."""

from collections.abc import Callable

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error
from bulkput.emulator.ec2.select import filtered

REGIONS = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"),
    *("ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2"),
    *("eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
"""Enabled by default (AWS's page "Regions and Zones")."""
_ZONES = "abc"


def zones(region: str) -> list[str]:
    """Return the names of a Region's Availability Zones."""
    return [f"{region}{letter}" for letter in _ZONES]


def zone_id(zone: str) -> str:
    """Return the id of a zone, such as euw1-az1."""
    continent, way, number = zone[:-1].split("-")
    letters = "".join(part[0] for part in _words(way))
    return f"{continent}{letters}{number}-az{_ZONES.index(zone[-1]) + 1}"


def require_zone(call: Ec2Call, zone: str) -> str:
    """Return a zone of the Region.

    Raises:
        Ec2Error: it has none of this name.
    """
    if zone not in zones(call.region):
        raise Ec2Error("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    return zone


def describe_regions(call: Ec2Call) -> Fields:
    """List the Regions."""
    names = call.given("RegionNames", REGIONS)
    unknown = [each for each in names if each not in REGIONS]
    if unknown:
        message = f"The region '{unknown[0]}' does not exist"
        raise Ec2Error("InvalidParameterValue", message)
    items = [
        {
            "OptInStatus": "opt-in-not-required",
            "RegionName": name,
            "Endpoint": f"ec2.{name}.amazonaws.com",
        }
        for name in names
    ]
    found = filtered(
        call,
        items,
        {name: _member(name) for name in ("region-name", "endpoint", "opt-in-status")},
        lambda _: (),
    )
    return {"Regions": found}


def describe_availability_zones(call: Ec2Call) -> Fields:
    """List the Region's zones."""
    names = [require_zone(call, each) for each in call.given("ZoneNames", zones(call.region))]
    items = [
        {
            "State": "available",
            "OptInStatus": "opt-in-not-required",
            "RegionName": call.region,
            "ZoneName": name,
            "ZoneId": zone_id(name),
            "ZoneType": "availability-zone",
        }
        for name in names
    ]
    found = filtered(
        call,
        items,
        {
            name: _member(name)
            for name in (
                *("zone-name", "zone-id", "region-name", "state", "zone-type", "opt-in-status"),
            )
        },
        lambda _: (),
    )
    return {"AvailabilityZones": found}


def _member(name: str) -> Callable[[dict[str, str]], str]:
    """Return how a filter's value is found: of ``zone-name`` in the member ZoneName."""
    key = "".join(part.capitalize() for part in name.split("-"))
    return lambda item: item[key]


def _words(way: str) -> list[str]:
    """Return the parts of a way: south and east of southeast."""
    for first in ("north", "south"):
        if way.startswith(first) and way != first:
            return [first, way.removeprefix(first)]
    return [way]
