"""What a job's later steps cost, and which permissions of theirs are tried."""

from bulkput.config.flags import settings_from_flags
from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.check.later_steps import trials_of
from bulkput.publish.price import steps_of_image, steps_of_volume

KEY = "arn:aws:kms:us-west-2:111122223333:key/1"
VOLUME = VolumeSettings.model_validate(
    {
        "name": "db",
        "source": "disk.img",
        "share": {"accounts": ["222233334444"]},
        "create_volume": {"availability_zone": "eu-west-1a", "type": "gp2"},
        "fast_restore": ["eu-west-1a", "eu-west-1b"],
        "lock": {"mode": "governance", "until": "2031-12-31"},
        "regions": [{"region": "us-west-2"}],
    }
)
IMAGE = ImageSettings.model_validate(
    {
        "name": "web",
        "family": "web",
        "keep": 3,
        "deprecate_after": "90d",
        "share": {"accounts": ["222233334444"]},
        "regions": [{"region": "us-west-2", "kms_key_arn": KEY}, {"region": "us-east-1"}],
        "ssm_parameter": "/web",
    }
)


def test_what_stays_costs_by_the_month_and_what_is_sent_costs_once():
    steps = steps_of_volume(VOLUME, volume_size_gib=100, data_gib=10.0)
    prices = {step.what: (step.price_usd, step.price_usd_per_month) for step in steps}
    assert prices == {
        "copy db to us-west-2": (0.2, 0.5),
        "share db with 222233334444": (0.0, 0.0),
        "lock db (governance) for 2031-12-31": (0.0, 0.0),
        "fast restore of db in eu-west-1a": (0.0, 547.5),
        "fast restore of db in eu-west-1b": (0.0, 547.5),
        "make a gp2 volume of db in eu-west-1a": (0.0, 10.0),
    }


def test_a_copy_that_the_volume_has_itself_is_not_paid_twice():
    without_key = IMAGE.regions[0].model_copy(update={"kms_key_arn": None})
    image = IMAGE.model_copy(update={"regions": (without_key, IMAGE.regions[1])})
    for each, copies in ((IMAGE, 2), (image, 1)):
        steps = steps_of_image(each, {"db": VOLUME}, {"db": 10.0})
        assert len([step for step in steps if step.what.startswith("copy")]) == copies
    assert steps[-1].what == "keep 3 images of the family web"


def test_each_permission_is_tried_once_in_each_region():
    settings = settings_from_flags("disk.img", flags={}, environ={}).settings
    assert trials_of(settings, "eu-west-1") == []
    settings = settings.model_copy(update={"volumes": (VOLUME,), "images": (IMAGE,)})
    trials = [(each.operation, each.region) for each in trials_of(settings, "eu-west-1")]
    assert len(set(trials)) == len(trials)
    home, far, near = "eu-west-1", "us-west-2", "us-east-1"
    assert set(trials) == {
        ("ModifySnapshotAttribute", home),
        ("LockSnapshot", home),
        ("EnableFastSnapshotRestores", home),
        ("CreateVolume", home),
        *(("CopySnapshot", region) for region in (far, near)),
        *(
            (operation, region)
            for operation in (
                "RegisterImage",
                "ModifyImageAttribute",
                "EnableImageDeprecation",
                "DeregisterImage",
                "DeleteSnapshot",
                "GetParameter",
            )
            for region in (home, far, near)
        ),
    }
