"""Man pages, made from the pages of the manual: Markdown in, roff out.

Owns how each form of Markdown that the manual uses looks in a terminal's pager. What the manual
does not use raises, so that nothing is dropped unseen. Macros are those of man(7), tables those of
tbl(1), which man calls by itself.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

_COMMENT = re.compile(r"^<!--.*-->$", re.MULTILINE)
_PAGE_LINK = re.compile(r"([a-z-]+)\.md(#.*)?")


def man_page(markdown: str, *, name: str, section: int, version: str) -> str:
    """Return a page of the manual as a man page.

    Args:
        markdown: The page; its first heading is its title.
        name: Of the man page, such as ``bulkput-limits``.
        section: 1 for commands, 7 for topics.
        version: Of the program, for the foot.
    """
    root = SyntaxTreeNode(
        MarkdownIt("commonmark").enable("table").parse(_COMMENT.sub("", markdown))
    )
    title, *rest = root.children
    lines = [
        "'\\\" t",  # tells man to call tbl
        f'.TH {name.upper()} {section} "" "bulkput {version}" "The manual of bulkput"',
        ".ad l",  # blanks that fill lines tear commands apart
        ".SH NAME",
        f"{name} \\- {_inline(title.children[0])}",
        ".SH DESCRIPTION",
    ]
    for before, node in pairwise([title, *rest]):
        block = _BLOCKS[node.type](node)
        is_first = before.type == "heading" and block[0] == ".PP"
        lines += block[1:] if is_first else block
    return "\n".join(lines) + "\n"


def _heading(node: SyntaxTreeNode) -> list[str]:
    macro = ".SH" if node.tag == "h2" else ".SS"
    return [f"{macro} {_inline(node.children[0])}"]


def _paragraph(node: SyntaxTreeNode, *, is_first: bool = False) -> list[str]:
    text = _protected(_inline(node.children[0]))
    return [text] if is_first else [".PP", text]


def _fence(node: SyntaxTreeNode) -> list[str]:
    text = node.content.rstrip("\n")
    return [
        ".PP",
        ".RS 4",
        ".EX",
        *(_protected(_plain(line)) for line in text.split("\n")),
        ".EE",
        ".RE",
    ]


def _list(node: SyntaxTreeNode) -> list[str]:
    lines = []
    for number, item in enumerate(node.children, start=1):
        first, *more = item.children
        mark = "\\(bu 2" if node.type == "bullet_list" else f'"{number}." 4'
        lines += [f".IP {mark}", *_paragraph(first, is_first=True)]
        for block in more:
            lines += [".RS 4", *_BLOCKS[block.type](block), ".RE"]
    return lines


def _quote(node: SyntaxTreeNode) -> list[str]:
    inside = [line for block in node.children for line in _BLOCKS[block.type](block)]
    return [".RS 4", *inside, ".RE"]


def _table(node: SyntaxTreeNode) -> list[str]:
    head, *body = [row for part in node.children for row in part.children]
    if len(head.children) == 2:  # a name and what it means: a list of terms
        return [
            line
            for row in body
            for line in (".TP", _cell(row.children[0]), _protected(_cell(row.children[1])))
        ]
    columns = " ".join(["l"] + ["lx"] * (len(head.children) - 1))
    titles = "\t".join(f"T{{\n\\fB{_cell(cell)}\\fR\nT}}" for cell in head.children)
    rows = [
        "\t".join(f"T{{\n{_protected(_cell(cell)) or chr(92) + '&'}\nT}}" for cell in row.children)
        for row in body
    ]
    return [".PP", ".TS", "allbox;", f"{columns}.", titles, *rows, ".TE"]


def _cell(node: SyntaxTreeNode) -> str:
    return _inline(node.children[0]) if node.children else ""


def _rule(_: SyntaxTreeNode) -> list[str]:
    return [".PP"]


def _html(node: SyntaxTreeNode) -> list[str]:
    raise ValueError(f"HTML has no place in a man page: {node.content!r}")


_BLOCKS: dict[str, Callable[[SyntaxTreeNode], list[str]]] = {
    "heading": _heading,
    "paragraph": _paragraph,
    "fence": _fence,
    "bullet_list": _list,
    "ordered_list": _list,
    "blockquote": _quote,
    "table": _table,
    "hr": _rule,
    "html_block": _html,
}


def _inline(node: SyntaxTreeNode) -> str:
    """Return the text of an inline node on one line, in bold where it is to be typed."""
    tokens = node.to_tokens()[0].children or []
    return "".join(_pieces(tokens))


def _pieces(tokens: list[Token]) -> Iterator[str]:
    target = ""
    for token in tokens:
        if token.type == "text":
            yield _plain(token.content)
        elif token.type == "code_inline":
            yield f"\\fB{_plain(token.content)}\\fR"
        elif token.type in {"softbreak", "hardbreak"}:
            yield " "
        elif token.type == "strong_open":
            yield "\\fB"
        elif token.type == "em_open":
            yield "\\fI"
        elif token.type in {"strong_close", "em_close"}:
            yield "\\fR"
        elif token.type == "link_open":
            target = str(token.attrs["href"])
        elif token.type == "link_close":
            yield _reference(target)
        else:
            raise ValueError(f"not known in a man page: {token.type}")


def _reference(target: str) -> str:
    """Return what stands after a link's text: the man page, or the address."""
    page = _PAGE_LINK.fullmatch(target)
    if page:
        return (
            " (\\fBbulkput(1)\\fR)"
            if page[1] == "commands"
            else f" (\\fBbulkput\\-{_plain(page[1])}(7)\\fR)"
        )
    return f" <{_plain(target)}>" if "://" in target else ""


_ESCAPES = str.maketrans(
    {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", "\t": "    "}
)


def _plain(text: str) -> str:
    """Return text so that roff shows each character as it is."""
    return text.translate(_ESCAPES)


def _protected(line: str) -> str:
    """Return a line that roff does not take for a request, whatever it begins with."""
    return f"\\&{line}" if line.startswith((".", "'")) else line
