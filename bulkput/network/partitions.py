"""AWS's partitions and Regions, as botocore's data has them: advice and recognition, never a rule.

New Regions work before botocore knows them; what is asked here has an answer without any.
"""

import functools
import importlib.util
import json
import re
from pathlib import Path
from typing import Any, NamedTuple


class Partition(NamedTuple):
    """One of AWS's separate clouds."""

    name: str
    """As in ARNs: ``aws``, ``aws-cn``."""
    suffixes: tuple[str, ...]
    """Of its host names, the usual and the dual-stack one."""
    region_pattern: str
    regions: tuple[str, ...]


_COMMERCIAL = Partition("aws", ("amazonaws.com", "api.aws"), r"^[a-z]{2}-\w+-\d+$", ())
"""What is taken where botocore's data cannot be read, or does not know better."""


@functools.cache
def partitions() -> tuple[Partition, ...]:
    """Return all that botocore knows; reads one file, once, and imports nothing of botocore."""
    try:
        found = importlib.util.find_spec("botocore")
        folders = list((found and found.submodule_search_locations) or ())
        content = json.loads(Path(folders[0], "data", "partitions.json").read_bytes())
        return tuple(_partition(each) for each in content["partitions"])
    except (ImportError, OSError, ValueError, LookupError, TypeError):
        return (_COMMERCIAL,)


def is_aws_host(host: str) -> bool:
    """Return whether ``host`` is a name under one of AWS's own suffixes."""
    suffixes = (suffix for partition in partitions() for suffix in partition.suffixes)
    name = host.lower().removesuffix(".")  # that of the root, behind a name in full
    return any(name.endswith(f".{suffix}") for suffix in suffixes)


def region_in(host: str) -> str:
    """Return the Region that one of AWS's own names is in, known or not; empty for the global ones.

    As ``ebs.eu-west-1.amazonaws.com`` and ``bucket.s3.dualstack.eu-west-1.amazonaws.com``; S3's
    ``s3-accelerate`` and old ``s3-us-west-2`` are none.
    """
    name = host.lower().removesuffix(".")
    for partition in partitions():
        for suffix in partition.suffixes:
            labels = name.removesuffix(f".{suffix}").split(".")
            is_aws = name.endswith(f".{suffix}") and len(labels) > 1
            if is_aws and "-" in labels[-1] and not labels[-1].startswith("s3-"):
                return labels[-1]
    return ""


def partition_of(region: str) -> Partition:
    """Return the partition of a Region, by its name alone where it is a new one."""
    for partition in partitions():
        if region in partition.regions or re.match(partition.region_pattern, region):
            return partition
    return _COMMERCIAL


def nearest_region(region: str) -> str | None:
    """Return the known Region whose name is most like ``region``.

    None if ``region`` itself is known, or none is like it.
    """
    import difflib  # noqa: PLC0415 - after a failure alone

    known = [each for partition in partitions() for each in partition.regions]
    if region in known:
        return None
    return next(iter(difflib.get_close_matches(region, known, 1)), None)


def is_known_region(region: str) -> bool:
    """Return whether botocore's data has the Region."""
    return any(region in partition.regions for partition in partitions())


def _partition(item: dict[str, Any]) -> Partition:
    outputs = item["outputs"]
    suffixes = (outputs["dnsSuffix"], outputs.get("dualStackDnsSuffix", ""))
    regions = (str(each) for each in item["regions"])
    return Partition(
        str(item["id"]),
        tuple(str(suffix) for suffix in suffixes if suffix),
        str(item["regionRegex"]),
        tuple(each for each in regions if not each.endswith("-global")),
    )
