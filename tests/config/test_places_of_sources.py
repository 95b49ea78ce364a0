"""What may be named as a source, what it is called, and what of it is never shown."""

from pathlib import Path

import pytest

from bulkput.config.flags import settings_from_flags, settings_from_options
from bulkput.config.show import shown
from bulkput.model.address import parse_address
from bulkput.model.errors import ConfigError

SIGNED = "https://host.example/a/disk.img?X-Amz-Signature=topsecret"


def loaded(source, **flags):
    return settings_from_flags(source, flags=flags, environ={})


def volume(source):
    return loaded(source).settings.volumes[0]


@pytest.mark.parametrize(
    ("source", "path", "label", "reported"),
    [
        ("/disks/a b.img", Path("/disks/a b.img"), "a_b.img", "/disks/a b.img"),
        ("-", "-", "stdin", "standard input"),
        (
            "s3://bucket/a/disk?.img",
            "s3://bucket/a/disk?.img",
            "disk_.img",
            "s3://bucket/a/disk?.img",
        ),
        (SIGNED, SIGNED, "disk.img", "https://host.example/a/disk.img"),
        ("HTTPS://h.example/D", "https://h.example/D", "D", "https://h.example/D"),
        ("S3://bucket/D", "s3://bucket/D", "D", "s3://bucket/D"),
        (
            "http://127.0.0.1:8000/",
            "http://127.0.0.1:8000/",
            "127.0.0.1_8000",
            "http://127.0.0.1:8000/",
        ),
    ],
)
def test_a_source_is_a_path_an_address_or_standard_input(source, path, label, reported):
    found = volume(source)
    assert (found.source.path, found.label, found.source.shown) == (path, label, reported)


def test_a_file_may_be_called_like_standard_input():
    assert volume("./-").source.path == Path.cwd() / "-"
    assert settings_from_options({"source": Path("-")}).volumes[0].source.path == Path.cwd() / "-"
    assert settings_from_options({"source": "-"}).volumes[0].source.path == "-"


def test_the_configuration_shows_no_signature():
    text = shown(loaded(SIGNED))
    assert "topsecret" not in text
    assert "https://host.example/a/disk.img?****" in text


@pytest.mark.parametrize(
    "text",
    [
        "s3:///key",
        "s3://b",
        "https://",
        "https:///x",
        "https://h:0/x",
        "https://h:x/",
        "x://y",
        "https://h/a b",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="expected "):
        parse_address(text)


def test_http_elsewhere_takes_a_word():
    with pytest.raises(ConfigError, match="expected https"):
        loaded("http://host.example/disk.img")
    assert loaded("http://host.example/disk.img", allow_insecure_http=True)


def test_standard_input_is_alone_in_its_job(problems):
    text = 'version: 1\nvolumes:\n  - source: a.img\n  - source: "-"\n'
    ((path, line, message),) = problems(text)
    assert (path, line) == ("volumes[1].source.path", 4)
    assert "only volume" in message
