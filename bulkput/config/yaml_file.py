"""A YAML 1.2 file, read into a document.

Owns reading, syntax, duplicate keys and the bounds on what a file may be. Knows no keys of bulkput.
Quotes nothing of the file in its messages, because a secret may have been pasted into it.
"""

import os
import re
import stat
import sys
import warnings
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner

from bulkput.config.document import Document, Location, dotted
from bulkput.config.naming import STANDARD_INPUT_SHOWN
from bulkput.config.scalar import Scalar, plain_scalar
from bulkput.model.errors import ConfigError, Problem

FILE_SIZE_MAX_BYTES = 1 << 20
"""A job of 1000 volumes with ten tags each takes about 400 KiB; a megabyte parses in seconds."""
NODE_COUNT_MAX = 100_000
"""Keys and values with aliases written out: what a full file has, and a billion laughs has not."""
DEPTH_MAX = 32
"""The deepest key of a configuration lies at 5."""

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {
    _TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "merge")
}
_NO_TAGS = "expected a plain value: YAML tags (`!`) are not supported"
_LONG_TAG = re.compile(r"(?<![^\s\[\]{},:])![^\s\"]{256}")
"""No tag is supported, and ruamel takes quadratic time over a long one: 20 s for a megabyte."""
_QUOTED = re.compile(r"""(['"])(?!<|\\.\1|.\1).*?\1""")
"""Quoted words in ruamel's messages, except names of tokens and single characters."""


def read_document(path: Path) -> Document:
    """Read and parse the file at ``path``.

    Raises:
        ConfigError: it cannot be read, is no YAML, or has no keys at its top. What is wrong inside
            (duplicate keys, tags) is listed in ``problems`` instead.
    """
    return _parsed(Document(path), _read_text(path))


def read_standard_input() -> Document:
    """Read and parse what is piped in, as ``read_document``.

    Raises:
        ConfigError: as ``read_document``.
    """
    document = Document(None, is_standard_input=True)
    if sys.stdin is None or sys.stdin.isatty():
        raise _problem(STANDARD_INPUT_SHOWN, "expected a YAML file to be piped in")
    content = sys.stdin.buffer.read(FILE_SIZE_MAX_BYTES + 1)
    return _parsed(document, _text_of(content, STANDARD_INPUT_SHOWN))


def _parsed(document: Document, text: str) -> Document:
    path = document.path or STANDARD_INPUT_SHOWN
    try:
        root = _compose(path, text)
        if root is None or (isinstance(root, ScalarNode) and plain_scalar(root.value) is None):
            raise _problem(path, "the file is empty: expected at least `version: 1` and `volumes`")
        if not isinstance(root, MappingNode):
            raise _problem(path, "expected `key: value` lines at the top, such as `version: 1`", 1)
        document.data = _Construction(document).mapping(root, ())
    except RecursionError:
        raise _problem(path, "nested too deeply: no key lies deeper than five levels") from None
    return document


def _problem(path: Path | str | None, expected: str, line: int | None = None) -> ConfigError:
    return ConfigError((Problem("", expected, line),), str(path or ""))


def _read_text(path: Path) -> str:
    try:
        # O_NONBLOCK, so that a named pipe without a writer is refused instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _problem(path, "expected a YAML file, not a pipe or a device")
            content = file.read(FILE_SIZE_MAX_BYTES + 1)
    except IsADirectoryError:
        raise _problem(path, "is a folder: expected a YAML file") from None
    except OSError as error:
        raise _problem(path, f"cannot be read: {os.strerror(error.errno or 0)}") from None
    except ValueError:
        raise _problem(path, "is not a file name: it contains a NUL character") from None
    return _text_of(content, path)


def _text_of(content: bytes, path: Path | str) -> str:
    if len(content) > FILE_SIZE_MAX_BYTES:
        raise _problem(
            path, "larger than 1 MiB, too large for a configuration; is this the disk image?"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _problem(path, "is not UTF-8 text: expected a YAML file") from None
    if "\0" in text:
        raise _problem(path, "is binary: expected a YAML file")
    return text


class _Scanner(Scanner):
    """ruamel's own, but for a bound: it takes quadratic time over brackets within brackets."""

    def fetch_flow_collection_start(self, *token: Any, **more: Any) -> None:
        if len(self.flow_context) >= DEPTH_MAX:
            raise RecursionError
        super().fetch_flow_collection_start(*token, **more)


def _compose(path: Path | str, text: str) -> Node | None:
    long_tag = _LONG_TAG.search(text)
    if long_tag is not None:
        raise _problem(path, _NO_TAGS, text.count("\n", 0, long_tag.start()) + 1)
    try:
        with warnings.catch_warnings():
            # A redefined anchor is legal YAML and only warned of.
            warnings.simplefilter("ignore")
            yaml = YAML(typ="safe", pure=True)
            yaml.Scanner = _Scanner
            node: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = "; ".join(part for part in (error.context, error.problem) if part)
        hint = " (indent with spaces, not tabs)" if r"'\t'" in what else ""
        expected = f"not valid YAML: {_QUOTED.sub('...', what)}{hint}"
        raise _problem(path, expected, mark.line + 1 if mark else None) from None
    except YAMLError:
        raise _problem(path, "not valid YAML: it has control characters") from None
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
        # ruamel's own slips, found by feeding it noise: `%YAML 1.0`, `\U00110000`.
        raise _problem(path, "not valid YAML") from None
    return node


def _is_unicode(text: str) -> bool:
    """Return whether ``text`` can be written as UTF-8; YAML's escapes can make what cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Construction:
    """Turns nodes into data, and keeps lines and problems in the document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes_left = NODE_COUNT_MAX

    def value(self, node: Node, at: Location) -> Any:
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise _problem(
                self._document.path or STANDARD_INPUT_SHOWN,
                f"more than {NODE_COUNT_MAX} values, aliases written out",
            )
        if len(at) > DEPTH_MAX:
            raise RecursionError
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, at)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return self._sequence(node, at)
        if isinstance(node, ScalarNode):
            return self._scalar(node, at)
        self._refuse_value(at, _NO_TAGS, node)
        return None

    def mapping(self, node: MappingNode, at: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._refuse(at, "expected a plain key, not a list or a section", key_node)
                continue
            key = str(key_node.value)
            if not _is_unicode(key):
                self._refuse(at, "a key is not valid Unicode", key_node)
                continue
            line = key_node.start_mark.line + 1
            here = (*at, key)
            if key == "<<" and key_node.style is None:
                self._refuse(here, "merge keys are not part of YAML 1.2: write it out", key_node)
            elif key in data:
                first = self._document.lines[here]
                self._refuse(here, f"appears twice: first on line {first}", key_node)
            else:
                self._document.lines[here] = line
                data[key] = self.value(value_node, here)
        return data

    def _sequence(self, node: SequenceNode, at: Location) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            here = (*at, index)
            self._document.lines[here] = item.start_mark.line + 1
            items.append(self.value(item, here))
        return items

    def _scalar(self, node: ScalarNode, at: Location) -> Scalar:
        text = str(node.value)
        if not _is_unicode(text):
            self._refuse_value(at, "not valid Unicode: half of a surrogate pair", node)
            return None
        if node.style is None and node.tag in _PLAIN_TAGS:
            # A plain word that ruamel takes for text stays it: `!!str 5` was meant so.
            return text if node.tag == _TAG + "str" else plain_scalar(text)
        if node.tag == _TAG + "str":
            return text
        self._refuse_value(at, _NO_TAGS, node)
        return None

    def _refuse_value(self, at: Location, expected: str, node: Node) -> None:
        self._document.refused.add(at)
        self._refuse(at, expected, node)

    def _refuse(self, at: Location, expected: str, node: Node) -> None:
        problem = Problem(dotted(at), expected, node.start_mark.line + 1)
        self._document.problems.append(problem)
