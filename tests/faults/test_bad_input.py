"""Command lines and files that are wrong: one clear message, the right code, no traceback."""

import subprocess

import pytest
from support.program import ForkedProgram
from support.whole import ENVIRONMENT

USAGE = [
    [],
    ["uplaod"],
    ["run"],
    ["run", "a.yaml", "b.yaml"],
    ["upload", "{image}", "--colour"],
    ["upload", "{image}", "--zeros", "many"],
    ["emulator", "--port", "70000"],
    ["emulator", "--tls-cert", "{image}"],
    ["config", "paint"],
    ["upload", "\udcff\udcfe", "--\udcff"],
]

CONFIGURATION = [
    ["upload", "{image}", "--volume-size-gib", "many"],
    ["upload", "{image}", "--tag", "nothing"],
    ["upload", "{image}", "--endpoint-url", "ftp://127.0.0.1"],
    ["upload", "{image}", "--endpoint-url", "http://192.0.2.1"],
    ["upload", "{image}", "--endpoint-url", "::::"],
    ["upload", "{image}", "--region", "the moon"],
    ["run", "/nonexistent.yaml"],
    ["run", "{folder}"],
    ["run", "{image}"],
    ["emulator", "--root", "{image}"],
    ["emulator", "--tls-cert", "{image}", "--tls-key", "{image}"],
]

DOCUMENTS = [
    "",
    "- version: 1\n",
    "version: 1\nversion: 1\nvolumes: [{source: a.img}]\n",
    "version: 1\nvolumes: [{source: a.img\n",
    "!!python/object/apply:os.system ['false']\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nversion: 1\n",
    "version: 1\nvolumes: [{source: a.img}]\n\x00\x07\n",
    "version: 1\nvolumes:\n\t- source: a.img\n",
    "[" * 300,
]


def run(arguments, folder, **environment):
    with ForkedProgram(
        arguments,
        env=dict(ENVIRONMENT, HOME=str(folder), AWS_REGION="us-east-1", **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        _, err = process.communicate(timeout=30)
    return process.returncode, err.decode("utf-8", "replace")


@pytest.fixture
def places(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(range(256)) * 2048)
    return {"image": str(image), "folder": str(tmp_path)}


def check(code, reported, wanted):
    assert code == wanted, reported
    assert reported.strip()
    assert "Traceback" not in reported
    assert "a bug in bulkput" not in reported


@pytest.mark.parametrize("arguments", USAGE, ids=range(len(USAGE)))
def test_a_wrong_command_line_ends_in_code_2(arguments, places, tmp_path):
    code, reported = run([each.format(**places) for each in arguments], tmp_path)
    check(code, reported, 2)


@pytest.mark.parametrize("arguments", CONFIGURATION, ids=range(len(CONFIGURATION)))
def test_a_wrong_value_ends_in_code_3(arguments, places, tmp_path):
    code, reported = run([each.format(**places) for each in arguments], tmp_path)
    check(code, reported, 3)


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_a_wrong_document_ends_in_code_3_and_is_named(document, tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text(document)
    code, reported = run(["run", str(path)], tmp_path)
    check(code, reported, 3)
    assert str(path) in reported


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BULKPUT_TUNING_WINDOW", "x", "BULKPUT_TUNING_WINDOW: expected"),
        ("BULKPUT_ENDPOINT", "nowhere", "BULKPUT_ENDPOINT: expected"),
        ("AWS_PROFILE", "nobody", "profile: expected a profile that exists: "),
        ("AWS_CA_BUNDLE", "/nonexistent.pem", "AWS_CA_BUNDLE: expected"),
    ],
)
def test_a_wrong_variable_ends_in_code_3_and_is_named(name, value, words, places, tmp_path):
    code, reported = run(["upload", places["image"]], tmp_path, **{name: value})
    check(code, reported, 3)
    assert f"bulkput: error: {words}" in reported


def test_a_source_larger_than_the_volume_ends_in_code_3(tmp_path):
    image = tmp_path / "big.img"
    with image.open("wb") as file:
        file.truncate((1 << 30) + 1)
    code, reported = run(
        ["upload", str(image), "--volume-size-gib", "1", "--endpoint-url", "http://127.0.0.1:9"],
        tmp_path,
    )
    check(code, reported, 3)
