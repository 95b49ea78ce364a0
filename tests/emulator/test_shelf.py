"""What is put on a shelf is there after a restart, in the order in which it was made."""

from bulkput.emulator.resources import Instance
from bulkput.emulator.shelf import Shelf


def instance(name, image_id="ami-1"):
    return Instance(
        name=name, region="r", image_id=image_id, kind="k", zone="z", launched_unix_s=1.0
    )


def test_order_changes_and_removals_outlive_a_restart(tmp_path):
    shelf = Shelf(tmp_path, Instance)
    names = [f"i-{number}" for number in (5, 3, 9, 1)]
    for name in names:
        shelf.put(instance(name))
    shelf.put(instance(names[0], "ami-2"))
    shelf.remove(instance(names[2]))
    for each in (shelf, Shelf(tmp_path, Instance)):
        found = [(thing.name, thing.image_id) for thing in each.in_region("r")]
        assert found == [("i-5", "ami-2"), ("i-3", "ami-1"), ("i-1", "ami-1")]
