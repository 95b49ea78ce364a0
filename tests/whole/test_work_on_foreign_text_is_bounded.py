"""Whatever reads text of others takes time in proportion to its length, however it is made.

Each reader gets each pattern at a length and at four times that length. In CPU time, so that other
work on the machine does not count; four times the text may take ten times as long, where quadratic
work takes sixteen times.
"""

import contextlib
import gc
import time

import pytest

from bulkput.config.inventory import parse_jsonl, read_csv
from bulkput.config.variables import names_in
from bulkput.config.yaml_file import read_document
from bulkput.ebs.error_response import (
    BODY_LIMIT_BYTES,
    _xml_fields,
    error_of_answer,
    redirect_text,
    server_time,
)
from bulkput.model.address import parse_address
from bulkput.model.duration import parse_duration_s
from bulkput.model.errors import BulkputError
from bulkput.model.size import parse_size_bytes
from bulkput.observe.plain import masked, one_line
from bulkput.source.image.vmdk_descriptor import parse_descriptor
from bulkput.source.remote.transport import total_bytes

RATIO_MAX = 10
NOTHING_S = 0.06
"""Below it the ratio of two times is noise."""

PATTERNS = (
    *(b" ", b"\n", b"\t \n", b"a", b"0", b"\xff", b"a b ", b"a\n", b"a,", b'"', b"'", b'""', b"\\"),
    *(b"<", b"<a>", b"<script ", b"</", b"<!--", b"&lt;", b"[", b"{", b'{"a":', b'"a" ', b"]]>"),
    *(
        b"http://",
        b"https://a",
        b"https://a?",
        b"http://a@",
        b"signature=",
        b"secretkey",
        b"token:",
    ),
    *(b"${", b"$${", b"${a}", b"1s", b"1s ", b"1.", b"0-0/", b"bytes ", b"/", b"@", b":", b"://"),
    *(b"- ", b"? ", b"&a ", b"&a a\n", b"*a ", b"a: ", b"a: b\n", b"!", b"! ", b",!", b"|", b">\n"),
    *(b"RW 1 ", b"RW 1 FLAT\n", b"createType=", b"%", b"%41", b"#", b"#\n", b"\0", b"\x1b[", b"=?"),
)

ENVIRON = {"https_proxy": "http://alice:canary-canary@proxy:1", "AWS_SESSION_TOKEN": "a b a b a b "}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "foreign"


def through_file(read):
    def parse(content, path):
        path.write_bytes(content)
        read(path)

    return parse


def of_text(read):
    return lambda content, _path: read(content.decode("latin-1"))


READERS = {
    "error body": (
        lambda content, _: error_of_answer("Put", 400, {}, content, region="eu-west-1"),
        1 << 16,
    ),
    "error xml": (lambda content, _: _xml_fields(content), BODY_LIMIT_BYTES // 4),
    "date": (of_text(server_time), 1 << 16),
    "location": (of_text(redirect_text), 1 << 16),
    "content-range": (of_text(lambda text: total_bytes(f"bytes {text}", 0, 1)), 1 << 16),
    "address": (of_text(lambda text: parse_address(f"https://{text}")), 1 << 16),
    "masked": (of_text(lambda text: masked(text, ENVIRON)), 1 << 15),
    "one line": (of_text(one_line), 1 << 16),
    "vmdk descriptor": (lambda content, _: parse_descriptor(content), 1 << 16),
    "json lines": (lambda content, _: parse_jsonl(content, "table"), 1 << 13),
    "csv": (through_file(lambda path: read_csv(path, lambda _, cell: cell)), 1 << 13),
    "yaml": (through_file(read_document), 1 << 11),
    "variables": (of_text(names_in), 1 << 14),
    "size": (of_text(parse_size_bytes), 1 << 14),
    "duration": (of_text(parse_duration_s), 1 << 12),
}


def seconds(read, content, path):
    gc.disable()  # a collection takes as long as the tests before this one left objects
    try:
        began_s = time.process_time()
        with contextlib.suppress(BulkputError, ValueError):  # refused, which is as good
            read(content, path)
        return time.process_time() - began_s
    finally:
        gc.enable()


@pytest.mark.parametrize("name", READERS)
def test_time_grows_with_the_length_alone(name, path):
    read, length = READERS[name]
    slow = {}
    for pattern in PATTERNS:
        repeated = pattern * (4 * length // len(pattern) + 1)
        contents = repeated[:length], repeated[: 4 * length]
        # The least of some tries: a cold cache is no work on the text.
        for tries in (1, 3):
            short_s, long_s = (
                min(seconds(read, each, path) for _ in range(tries)) for each in contents
            )
            if long_s <= max(NOTHING_S, RATIO_MAX * short_s):
                break
        else:
            slow[pattern] = (short_s, long_s)
    assert slow == {}


@pytest.mark.parametrize("opening", [b"[", b"{", b"a: [", b'{"a":', b"[{a: ", b"- [", b"[ \n"])
def test_a_megabyte_of_brackets_is_refused_at_once(opening, path):
    assert seconds(through_file(read_document), opening * (900_000 // len(opening)), path) < 1.0
    with pytest.raises(BulkputError, match="nested too deeply"):
        read_document(path)


@pytest.mark.parametrize("tag", [b"!", b"a: !", b"a: !<", b"[!", b'{"a":!'])
def test_a_tag_of_a_megabyte_is_refused_at_once(tag, path):
    content = tag + b"!" * (900_000)
    assert seconds(through_file(read_document), content, path) < 1.0
    with pytest.raises(BulkputError, match="tags"):
        read_document(path)


def test_an_ordinary_text_with_exclamation_marks_is_none(path):
    path.write_text(f'{{"version":1,"a":"wow!{"x" * 900}","b":"!{"y" * 900}"}}')
    assert read_document(path).data["b"].startswith("!y")
