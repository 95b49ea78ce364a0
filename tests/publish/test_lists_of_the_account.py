"""A list is read to its last page, and what it has not yet is not made twice."""

import pytest
from publish.fake_account import HOME, Cloud, FakeAccount, run
from publish.test_steps_of_an_image import publish

from bulkput.config.publishing import NewVolumeSettings
from bulkput.model.errors import AnswerError, ConfigError, SnapshotError
from bulkput.publish.account import all_pages
from bulkput.publish.fast_restore import ensure_fast_restore, zones_to_enable
from bulkput.publish.volume import find_volume


class Paged(FakeAccount):
    """Answers with the pages that it is given, and remembers what it was asked."""

    def __init__(self, pages):
        super().__init__(Cloud())
        self.pages, self.asked = list(pages), []

    async def call(self, operation, parameters, *, region, service="ec2"):
        self.asked.append(dict(parameters))
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


def read(pages):
    """Return the list, and what was asked for it."""

    async def work():
        account = Paged(pages)
        return await all_pages(account, "DescribeImages", {"a": 1}, "Images", region=HOME), account

    found, account = run(work)
    return found, account.asked


def test_every_page_counts():
    found, asked = read([{"Images": [1, 2], "NextToken": "x"}, {"NextToken": "y"}, {"Images": [3]}])
    assert found == [1, 2, 3]
    assert asked == [{"a": 1}, {"a": 1, "NextToken": "x"}, {"a": 1, "NextToken": "y"}]


@pytest.mark.parametrize(
    ("page", "words"),
    [({"Images": [], "NextToken": "x"}, "there are more"), ({"Images": "no"}, "are no list")],
)
def test_a_list_without_an_end_and_what_is_none_are_refused(page, words):
    with pytest.raises(AnswerError, match=words):
        read([page])


class Lagging(FakeAccount):
    """Shows no image for the first two looks at a name that is taken."""

    looks = 0

    def _describe_images(self, here, asked, region):
        self.looks += 1
        return {"Images": []} if self.looks <= 2 else super()._describe_images(here, asked, region)


def test_a_name_that_is_taken_is_looked_for_until_a_list_shows_whose_it_is(monkeypatch):
    cloud = Cloud()
    first, second = cloud.snapshot(), cloud.snapshot()
    made, _ = publish(cloud, [first], {"name": "web"})
    monkeypatch.setattr("publish.test_steps_of_an_image.FakeAccount", Lagging)
    again, _ = publish(cloud, [first], {"name": "web"})
    assert again.images == made.images
    with pytest.raises(ConfigError, match=f"has this name and is over {first}"):
        publish(cloud, [second], {"name": "web"})


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, ["a", "b"]),
        ({"a": "enabled", "b": "optimizing"}, []),
        ({"a": "enabling", "b": "disabling"}, ["b"]),
        ({"a": "disabled", "b": "enabled", "c": "enabled"}, ["a"]),
    ],
)
def test_fast_restore_is_enabled_where_it_is_not(states, expected):
    assert zones_to_enable(["a", "b"], states) == expected


def test_a_zone_that_cannot_have_fast_restore_is_named_with_its_reason():
    error = {"AvailabilityZone": "a", "Error": {"Message": "no capacity"}}
    refused = {"Unsuccessful": [{"FastSnapshotRestoreStateErrors": [error]}]}

    async def work():
        account = Paged([{"FastSnapshotRestores": []}, refused])
        await ensure_fast_restore(account, "snap-1", ["a"])

    with pytest.raises(SnapshotError, match="no fast snapshot restore in a: no capacity"):
        run(work)


@pytest.mark.parametrize(
    ("state", "zone", "is_found"),
    [
        ("creating", "a", True),
        ("available", "a", True),
        ("in-use", "a", True),
        ("deleting", "a", False),
        ("deleted", "a", False),
        ("error", "a", False),
        ("available", "b", False),
    ],
)
def test_a_volume_that_goes_or_is_elsewhere_is_not_the_wanted_one(state, zone, is_found):
    wanted = NewVolumeSettings.model_validate({"availability_zone": f"{HOME}a"})
    volume = {"VolumeId": "vol-1", "State": state, "AvailabilityZone": f"{HOME}{zone}"}
    assert find_volume([volume], wanted) == (volume if is_found else None)
