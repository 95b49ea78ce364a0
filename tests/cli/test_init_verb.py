"""``bulkput init``: examples where the user is, and nothing overwritten."""

import json

import pytest
from support.manual import ROOT

from bulkput.cli.examples import examples

CONFIGS = ROOT / "configs"
FILES = {
    **{path.stem: path for path in CONFIGS.glob("*.yaml")},
    **{f"iam/{path.stem}": path for path in CONFIGS.glob("iam/*")},
    **{
        f"{path.parent.name}/{path.name}": path
        for path in CONFIGS.glob("*/*")
        if path.parent.name != "iam"
    },
}


def test_the_examples_are_the_files_of_configs():
    assert examples() == {name: path.name for name, path in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_written_into_the_current_folder(bulkput, tmp_path, name):
    ended = bulkput("init", name)
    written = tmp_path / FILES[name].name
    assert (ended.status, ended.out) == (0, f"{written.name}\n")
    assert written.read_bytes() == FILES[name].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [written.name]
    if name in {path.stem for path in CONFIGS.glob("*.yaml")}:
        assert f"bulkput run {written.name}" in ended.err
        assert bulkput("config", "check", written).status == 0
    elif name.startswith("iam/"):
        assert json.loads(written.read_text())["Version"] == "2012-10-17"


def test_the_quickstart_is_what_a_newcomer_gets(bulkput, tmp_path):
    assert bulkput("init").status == 0
    assert (tmp_path / "quickstart.yaml").read_bytes() == FILES["quickstart"].read_bytes()


def test_stdout_and_another_file_can_be_named(bulkput, tmp_path):
    ended = bulkput("init", "aws", "--output", "-")
    assert (ended.status, ended.out, ended.err) == (0, FILES["aws"].read_text(), "")
    assert list(tmp_path.iterdir()) == []
    ended = bulkput("init", "aws", "--output", tmp_path / "job.yml")
    assert (ended.status, ended.out) == (0, f"{tmp_path / 'job.yml'}\n")
    assert (tmp_path / "job.yml").read_bytes() == FILES["aws"].read_bytes()


def test_a_file_that_exists_is_replaced_by_force_alone(bulkput, tmp_path):
    mine = tmp_path / "aws.yaml"
    mine.write_text("mine")
    ended = bulkput("init", "aws")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("bulkput: error: aws.yaml: exists already: --force replaces it")
    assert mine.read_text() == "mine"
    assert bulkput("init", "aws", "--force").status == 0
    assert mine.read_bytes() == FILES["aws"].read_bytes()


def test_a_dangling_link_is_not_written_through(bulkput, tmp_path):
    (tmp_path / "aws.yaml").symlink_to(tmp_path / "elsewhere")
    assert bulkput("init", "aws").status == 3
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--output", "missing/job.yaml"), "No such file or directory"),
        (("--output", ".", "--force"), "Is a directory"),
        (("--output", "/dev/full", "--force"), "No space left on device"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_sentence(bulkput, flags, why):
    ended = bulkput("init", "aws", *flags)
    assert (ended.status, ended.out) == (3, "")
    assert ended.err == f"bulkput: error: {flags[1]}: cannot be written: {why}\n"


@pytest.mark.parametrize("name", ["nope", "upload", "iam/nope", "../aws", "iam/../aws", ""])
def test_an_unknown_example_lists_those_that_there_are(bulkput, tmp_path, name):
    ended = bulkput("init", name)
    assert (ended.status, ended.out) == (2, "")
    assert all(known in ended.err for known in FILES)
    assert len(ended.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
