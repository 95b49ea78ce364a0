"""The newest images of a family stay, and what is used; of the rest nothing is left behind."""

from datetime import UTC, datetime, timedelta

import pytest
from publish.fake_account import HOME, Cloud, FakeAccount, Killed, run
from publish.test_steps_of_an_image import publish

from bulkput.publish.family import FamilyImage, images_to_prune, regions_of
from bulkput.publish.prune import prune_family
from bulkput.publish.tags import PRUNED_TAG

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def image(number, *, age_days, region=HOME, used_by=None):
    created = NOW - timedelta(days=age_days)
    return FamilyImage(f"ami-{number}", f"web-{number}", region, created, "available", (), used_by)


IMAGES = [
    image(1, age_days=100),
    image(2, age_days=50, used_by="i-1"),
    image(3, age_days=30),
    image(4, age_days=1),
    image(5, age_days=200, region="us-west-2"),
    image(6, age_days=2, region="us-west-2"),
]


@pytest.mark.parametrize(
    ("keep", "older_than_days", "expected"),
    [
        (1, 0, {"ami-1", "ami-3", "ami-5"}),
        (2, 0, {"ami-1"}),
        (3, 0, {"ami-1"}),
        (4, 0, set()),
        (1, 40, {"ami-1", "ami-5"}),
        (1, 150, {"ami-5"}),
    ],
)
def test_the_newest_of_each_region_and_what_is_used_stay(keep, older_than_days, expected):
    older_than_s = older_than_days * 86_400.0
    going = images_to_prune(IMAGES, keep=keep, older_than_s=older_than_s, now=NOW)
    assert {each.image_id for each in going} == expected


def family_of_three():
    """Three images over a snapshot each; the second is over the first one's as well."""
    cloud, wanted = Cloud(), {"family": "web"}
    first, second, third = (cloud.snapshot() for _ in range(3))
    publish(cloud, [first], wanted | {"name": "web-1"})
    publish(cloud, [second, first], wanted | {"name": "web-2"})
    publish(cloud, [third], wanted | {"name": "web-3"})
    return cloud, first, second, third


def prune(cloud, keep, **account):
    async def work():
        made = FakeAccount(cloud, **account)
        await prune_family(made, "web", await regions_of(made), keep=keep)
        return made

    return run(work)


def left(cloud):
    here = cloud.region(HOME)
    return {each["Name"] for each in here.images.values()}, set(here.snapshots)


def test_a_snapshot_goes_with_the_last_image_over_it():
    cloud, first, second, third = family_of_three()
    assert prune(cloud, keep=2).notes == []
    assert left(cloud) == ({"web-2", "web-3"}, {first, second, third})
    prune(cloud, keep=1)
    assert left(cloud) == ({"web-3"}, {third})


@pytest.mark.parametrize("heard", [True, False])
def test_killed_at_any_call_the_next_run_leaves_nothing_behind(heard):
    for number in range(1, prune(family_of_three()[0], 1).calls + 1):
        cloud, _, _, third = family_of_three()
        with pytest.raises(Killed):
            prune(cloud, 1, kill_at=number, heard=heard)
        prune(cloud, keep=1)
        assert left(cloud) == ({"web-3"}, {third}), number


def test_what_an_instance_or_a_launch_template_uses_stays():
    for use in ("instances", "templates"):
        cloud, *_ = family_of_three()
        here = cloud.region(HOME)
        oldest = next(iter(here.images))
        if use == "instances":
            here.instances.append(oldest)
        else:
            here.templates["lt-1"] = ["ami-other", oldest]
        prune(cloud, keep=1)
        assert left(cloud)[0] == {"web-1", "web-3"}


def test_an_instance_that_is_gone_uses_nothing():
    cloud, *_ = family_of_three()
    here = cloud.region(HOME)
    here.instances.append(next(iter(here.images)))
    here.instance_state = "terminated"
    prune(cloud, keep=1)
    assert left(cloud)[0] == {"web-3"}


def test_what_another_family_has_left_behind_is_not_deleted():
    cloud, _, _, third = family_of_three()
    marked = cloud.snapshot(tags={PRUNED_TAG: "db ami-1"})
    prune(cloud, keep=1)
    assert left(cloud) == ({"web-3"}, {third, marked})


def test_images_of_another_family_are_not_looked_at():
    cloud, *_ = family_of_three()
    publish(cloud, [cloud.snapshot()], {"name": "db-1", "family": "db"})
    prune(cloud, keep=1)
    assert left(cloud)[0] == {"web-3", "db-1"}


def test_a_job_keeps_so_many_of_its_family():
    cloud, _, _, third = family_of_three()
    newest = cloud.snapshot()
    done, _ = publish(cloud, [newest], {"name": "web-4", "family": "web", "keep": 2})
    assert left(cloud) == ({"web-3", "web-4"}, {third, newest})
    assert len(done.pruned) == 2
