"""Keys of what becomes of snapshots: what is refused, at its line, and what follows from them."""

import pytest

from bulkput.config.load import load_settings
from bulkput.model.errors import ConfigError
from bulkput.model.zeros import ZeroPolicy

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
COPY = f"regions: [{{region: eu-west-1, kms_key_arn: '{KEY}'}}]"


@pytest.fixture
def load(tmp_path):
    (tmp_path / "disk.img").touch()

    def load_text(of_volume, images="[]"):
        path = tmp_path / "job.yaml"
        path.write_text(
            f"version: 1\nvolumes:\n  - name: root\n    source: disk.img\n    {of_volume}\n"
            f"images: {images}\n"
        )
        return load_settings(path, environ={}).settings

    return load_text


@pytest.mark.parametrize(
    ("of_volume", "words"),
    [
        ("share: {accounts: [1234]}", "line 5: .*accounts.*12 digits"),
        ("share: {public: true}\n    snapshot: {encrypted: true}", "cannot be public"),
        ("create_volume: {type: gp3}", "availability_zone: is required"),
        ("create_volume: {availability_zone: here}", "expected an Availability Zone"),
        ("create_volume: {availability_zone: eu-west-1a, iops: 3}", "expected a whole number"),
        ("fast_restore: eu-west-1a", "expected a list"),
        ("lock: {mode: governance}", "exactly one of `duration_days` and `until`"),
        ("lock: {mode: compliance, duration_days: 1, until: 2031-01-01}", "exactly one of"),
        ("lock: {mode: compliance, until: 2031-02-31}", "expected a date"),
        ("lock: {mode: forever, duration_days: 1}", "expected `?governance"),
        ("regions: [{region: eu-west-1}, {region: eu-west-1}]", "each Region once"),
        ("regions: [{region: eu-west-1, copy: host}]", r"copy: .*`bulkput copy` carries"),
        ("regions: [{region: eu-west-1, copy: 1}]", "copy: expected server"),
        (COPY.replace("region: eu-west-1", "region: us-west-2"), "a key of the Region us-west-2"),
        (f"{COPY}\n    zeros: skip", "zeros: expected auto or write"),
        (f"{COPY}\n    snapshot: {{wait: false}}", "wait: expected true"),
    ],
)
def test_what_cannot_work_is_refused_at_its_line(load, of_volume, words):
    with pytest.raises(ConfigError, match=words):
        load(of_volume)


def test_a_copy_is_made_by_the_server_also_if_it_is_named(load):
    (volume,) = load("regions: [{region: eu-west-1, copy: server}]").volumes
    (implied,) = load("regions: [{region: eu-west-1}]").volumes
    assert volume.regions == implied.regions


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ("[{name: a}]", "an image's name of 3 to 128"),
        ("[{name: web, disks: [{volume: rot}]}]", "the name of a volume of this job"),
        ("[{name: web, disks: [{volume: root}, {volume: root}]}]", "the same volume twice"),
        ("[{name: web}, {name: web}]", "the same name as images.0."),
        ("[{name: web, keep: 3}]", "only with `family`"),
        ("[{name: web, tpm: true, boot_mode: legacy-bios}]", "only with `boot_mode: uefi`"),
        ("[{name: web, deprecate_after: 1h}]", "expected a duration from 24h"),
        ("[{name: web, share: {organizations: [o-1]}}]", "the ARN of an organization"),
        ("[{name: web, ssm_parameter: 'a b'}]", "a parameter's name"),
    ],
)
def test_what_no_image_can_be_is_refused(load, images, words):
    with pytest.raises(ConfigError, match=words):
        load("zeros: auto", images)


def test_blocks_of_zeros_are_put_where_a_later_step_encrypts(load):
    (plain,) = load("regions: [{region: eu-west-1}]").volumes
    assert plain.zeros is ZeroPolicy.AUTO
    for text in (COPY, f"create_volume: {{availability_zone: eu-west-1a, kms_key_arn: '{KEY}'}}"):
        (volume,) = load(text).volumes
        assert volume.zeros is ZeroPolicy.WRITE
        assert volume.label == "root"
    (disk,) = load("zeros: auto", f"[{{name: web, {COPY}}}]").volumes
    assert disk.zeros is ZeroPolicy.WRITE


def test_accounts_are_text_or_numbers_and_names_have_variables(load):
    settings = load(
        'share: {accounts: [111122223333, "001122223333", 001122224444]}',
        "[{name: 'web-${date}-${host}', family: web, deprecate_after: 90d}]",
    )
    assert settings.volumes[0].share.accounts == ("111122223333", "001122223333", "001122224444")
    (image,) = settings.images
    assert "$" not in image.name
    assert image.deprecate_after_s == 90 * 86_400.0
    assert [disk.volume for disk in image.disks_of(["root"])] == ["root"]
