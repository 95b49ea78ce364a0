"""What an attempt is given of its job."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bulkput.config.load import load_settings
from bulkput.fleet.begun import Recorded
from bulkput.fleet.orders import Orders


@pytest.fixture
def context(tmp_path):
    job = tmp_path / "job.yaml"
    job.write_text("version: 1\nvolumes: [{source: a.img}, {source: b.img}]\n")
    return SimpleNamespace(
        settings=load_settings(job, environ={}).settings,
        state_dir=tmp_path,
        endpoint_url=None,
        service=SimpleNamespace(region="eu-north-1"),
        server=None,
        rate_limits=None,
        get_rate_limits=None,
    )


def test_it_is_one_volume_in_the_region_of_the_driver(context):
    assert context.settings.region is None
    settings = Orders(context, "account", Recorded()).order("b.img", 2).settings
    assert [Path(volume.source.path).name for volume in settings.volumes] == ["b.img"]
    assert settings.region == "eu-north-1"


def test_no_two_attempts_have_one_name(context):
    orders = [Orders(context, "account", Recorded()) for _ in range(2)]
    names = {
        each.order(volume, attempt).client
        for each in orders
        for volume in ("a.img", "b.img")
        for attempt in (1, 2)
    }
    assert len(names) == 8
