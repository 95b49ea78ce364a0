"""The second example: from a disk to an AMI in two Regions, without an account."""

import re

from bulkput.cli.examples import example


def test_the_example_ends_with_the_id_of_an_image(bulkput, service, tmp_path):
    text = example("image").decode()
    assert "endpoint: embedded\n" in text
    job = tmp_path / "image.yaml"
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"disk" * 200_000)
    # A server that the test can look into takes no sample.
    text = text.replace("endpoint: embedded\n", f"endpoint: {service.url}\n")
    job.write_text(re.sub(r"source:\n[^-]*sample: 96MiB\n", f"source: {disk}\n", text))
    first = bulkput("run", job)
    assert first.status == 0, first.err
    snapshot_id, image_id = first.out.split()
    resources = service.emulator.account.resources

    def images():
        return [
            (each.name, each.mappings[0]["Ebs"]["SnapshotId"])
            for region in ("eu-central-1", "eu-west-1")
            for each in resources.images.in_region(region)
        ]

    (here, there) = images()
    assert here == (image_id, snapshot_id)
    assert there[1] != snapshot_id
    parameter = resources.parameters.get("/images/sample", "eu-central-1")
    assert (parameter.value, parameter.data_type) == (image_id, "aws:ec2:image")
    second = bulkput("run", job)
    assert second.status == 0, second.err
    assert len(images()) == 2
    assert images()[0] == tuple(reversed(second.out.split()))
