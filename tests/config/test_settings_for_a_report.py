"""Settings by their keys, as a report has them: what is in force, and no secret."""

import pytest

from bulkput.config.flags import settings_from_flags
from bulkput.config.flat import flat_settings

SIGNED = "https://disks.example/web.img?X-Amz-Signature=0123456789abcdef&X-Amz-Credential=AKIA"


@pytest.fixture
def flat():
    def of(source, **flags):
        return flat_settings(settings_from_flags(source, flags=flags, environ={}).settings)

    return of


def test_every_key_of_the_job_is_there_and_of_volumes_what_is_not_the_default(flat):
    found = flat("/disks/web.img", region="eu-west-1", tag=("team=web",), zeros="write")
    assert found["region"] == "eu-west-1"
    assert found["tuning.memory_budget"] == "64MiB"
    assert found["profile"] == "not given"
    of_volume = {key: value for key, value in found.items() if key.startswith("volumes[0]")}
    assert of_volume == {
        "volumes[0].source.path": "/disks/web.img",
        "volumes[0].snapshot.tags.team": "web",
        "volumes[0].zeros": "write",
    }


def test_a_signature_is_not_there(flat):
    found = flat(SIGNED, volume_size_gib="1GiB")
    assert found["volumes[0].source.path"] == "https://disks.example/web.img"
    assert "0123456789abcdef" not in str(found)
