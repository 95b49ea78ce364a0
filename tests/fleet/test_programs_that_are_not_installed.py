"""A checkout, called as `python -m bulkput` in its folder: the processes of a fleet find it too."""

import os
from pathlib import Path

import pytest

import bulkput
from bulkput.fleet import extra

FOLDER = str(Path(bulkput.__file__).parents[1])


@pytest.mark.parametrize("known", [None, "/opt/modules"])
@pytest.mark.parametrize(
    ("path", "is_added"),
    [
        ([FOLDER, "/usr/lib/python3"], True),
        ([FOLDER, "/usr/lib/python3", FOLDER], False),  # installed as editable
        (["/work", "/usr/lib/python3", FOLDER], False),
        (["/usr/bin", "/usr/lib/python3"], False),
        ([], False),
    ],
)
def test_the_folder_of_a_checkout_is_passed_on_and_no_other(monkeypatch, path, is_added, known):
    for name in extra.RAY_ENVIRONMENT:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PYTHONPATH", known or "")
    monkeypatch.setattr(extra.sys, "path", path)
    monkeypatch.setattr(extra, "import_module", print)
    extra.load_ray()
    expected = [*[FOLDER] * is_added, *[known] * (known is not None)]
    assert os.environ["PYTHONPATH"] == os.pathsep.join(expected)
