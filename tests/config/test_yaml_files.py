import os
import socket

import pytest

from bulkput.config.yaml_file import FILE_SIZE_MAX_BYTES, NODE_COUNT_MAX, read_document
from bulkput.model.errors import ConfigError

JOB = "version: 1\nvolumes: [disk.img]\n"


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    assert caught.value.status == 3
    (problem,) = caught.value.problems
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value), "one sentence"
    return problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("---\n...\n", "empty"),
        ("- a\n- b\n", "at the top"),
        ("just words\n", "at the top"),
        (b"QFI\xfb\x00\x00\x00\x03", "not UTF-8"),
        (b"a\x00b", "binary"),
        ("a: \x01\n", "control characters"),
        ("[" * 1000, "nested too deeply"),
        ("a: " + "{b: " * 40 + "1" + "}" * 40, "nested too deeply"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("a: [1, 2\n", "not valid YAML"),
        ("%YAML 9.9\n---\na: 1\n", "not valid YAML"),
    ],
)
def test_what_is_no_configuration_gets_one_sentence(write, content, message):
    assert message in refusal(write(content)).expected


def test_syntax_errors_name_their_line(write):
    problem = refusal(write("a: 1\nb:\n\t- c\n"))
    assert problem.line == 3
    assert "indent with spaces" in problem.expected


@pytest.mark.parametrize(
    "content",
    ["key: *wJalrXUtnFEMI\n", "a: &wJalrXUtnFEMI 1\nb: [\n", 'k: "wJalrXUtnFEMI\\q"', "!wJalr!x y"],
)
def test_a_syntax_error_quotes_nothing_of_the_file(write, content):
    assert "wJalr" not in str(refusal(write(content)))


def test_a_missing_file_and_a_folder_are_distinguished(tmp_path):
    assert "No such file" in refusal(tmp_path / "absent.yaml").expected
    assert "is a folder" in refusal(tmp_path).expected
    assert "NUL" in refusal(tmp_path / "a\0b").expected
    assert "Not a directory" in refusal(tmp_path / __file__ / "x").expected


def test_a_pipe_without_a_writer_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a pipe" in refusal(tmp_path / "pipe").expected


def test_a_socket_cannot_be_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        assert "cannot be read" in refusal(tmp_path / "s").expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_says_so(write):
    path = write(JOB)
    path.chmod(0)
    assert "Permission denied" in refusal(path).expected


def test_the_same_for_root_by_an_injected_error(write, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write(JOB)
    monkeypatch.setattr("bulkput.config.yaml_file.os.open", deny)
    assert refusal(path).expected == "cannot be read: Permission denied"


def test_a_huge_file_is_not_read_whole(tmp_path):
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    assert "larger than 1 MiB" in refusal(path).expected


def test_the_largest_file_is_still_read(write):
    comment = "#" * (FILE_SIZE_MAX_BYTES - len(JOB) - 1) + "\n"
    assert read_document(write(comment + JOB)).data["version"] == 1


def test_a_billion_laughs_end_after_the_bound(write):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert str(NODE_COUNT_MAX) in refusal(write("\n".join(lines))).expected


def test_an_alias_within_itself_ends(write):
    assert "nested too deeply" in refusal(write("a: &x [*x]\n")).expected


def test_plain_words_mean_what_yaml_1_2_says(write):
    text = """
account: 001234567012
country: no
on: yes
date: 2026-11-25
sexagesimal: 12:30:45
octal: 010
new_octal: 0o10
hex: 0x10
underscore: 1_000
long: 123456789012345678901234567890
number: 12
float: 1.5
truth: true
nothing:
tilde: ~
text: !!str 5
quoted: "5"
folded: >
  two
  lines
"""
    assert read_document(write(text)).data == {
        "account": "001234567012",
        "country": "no",
        "on": "yes",
        "date": "2026-11-25",
        "sexagesimal": "12:30:45",
        "octal": "010",
        "new_octal": 8,
        "hex": 16,
        "underscore": "1_000",
        "long": "123456789012345678901234567890",
        "number": 12,
        "float": 1.5,
        "truth": True,
        "nothing": None,
        "tilde": None,
        "text": "5",
        "quoted": "5",
        "folded": "two lines\n",
    }


def test_a_version_directive_does_not_bring_yaml_1_1_back(write):
    data = read_document(write("%YAML 1.1\n---\na: no\nb: 010\nc: 0b11\n")).data
    assert data == {"a": "no", "b": "010", "c": "0b11"}


def test_a_byte_order_mark_is_no_part_of_the_first_key(write):
    assert read_document(write(b"\xef\xbb\xbfversion: 1\n")).data == {"version": 1}


def test_anchors_are_written_out(write):
    assert read_document(write("a: &t {k: v}\nb: *t\n")).data["b"] == {"k": "v"}


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        ("a: 1\nb: !vault x\n", "b", "tags"),
        ("a: 1\nb: !!python/object/apply:os.system [echo]\n", "b", "tags"),
        ("a: 1\nb: !!binary aGk=\n", "b", "tags"),
        ("a: 1\n<<: {b: 2}\n", "['<<']", "merge keys"),
        ("a: 1\na: 2\n", "a", "twice: first on line 1"),
        ('a: 1\nb: "\\uD800"\n', "b", "Unicode"),
        ("a: 1\n? [b]\n: 1\n", "", "plain key"),
    ],
)
def test_what_yaml_allows_and_a_job_does_not_is_listed_with_its_line(write, content, path, message):
    (problem,) = read_document(write(content)).problems
    assert (problem.path, problem.line) == (path, 2)
    assert message in problem.expected
