"""The tag by which ``gc`` finds snapshots, and when it is left out."""

from support.folders import folders


def test_a_snapshot_carries_the_place_of_its_ledger(cut_short, service, state_dir):
    tags = service.tags(cut_short("web.img", "--tag", "Name=web"))
    (folder,) = folders(state_dir)
    assert tags.pop("bulkput").endswith(f":{folder}")
    assert tags == {"Name": "web"}


def test_without_the_right_to_tag_the_snapshot_is_started_without_the_mark(bulkput, service, image):
    service.deny_tags()
    ended = bulkput("upload", image(), "--output", "json")
    assert ended.status == 0, ended.err
    assert service.tags(ended.object["snapshot_id"]) == {}
    assert any("ec2:CreateTags is not allowed" in note for note in ended.object["notes"])


def test_the_users_own_tags_are_never_left_out(bulkput, service, image):
    service.deny_tags()
    service.deny_tags()
    ended = bulkput("upload", image(), "--tag", "Name=web")
    assert ended.status == 4
    assert "ec2:CreateTags" in ended.err
    assert service.states() == {}


def test_another_refusal_is_not_tried_again_without_the_mark(bulkput, service, image):
    service.fail("StartSnapshot")
    assert bulkput("upload", image()).status == 4
    assert service.states() == {}


def test_the_mark_can_be_switched_off(bulkput, service, image, tmp_path):
    job = tmp_path / "job.yaml"
    job.write_text(f"version: 1\nvolumes:\n- source: {image()}\n  snapshot: {{mark: false}}\n")
    snapshot_id = bulkput("run", job).out.strip()
    assert service.tags(snapshot_id) == {}


def test_the_users_tag_of_that_name_wins(bulkput, service, image):
    snapshot_id = bulkput("upload", image(), "--tag", "bulkput=mine").out.strip()
    assert service.tags(snapshot_id) == {"bulkput": "mine"}
