"""The parts of README and manual that are made from the program, and how they are made again.

    python tests/support/manual.py

writes every part between ``<!-- generated: NAME -->`` and ``<!-- /generated -->`` anew. Owns what
each NAME stands for; the tests compare the pages with it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from bulkput.cli.help_contents import COMMAND_SECTIONS
from bulkput.cli.main import VERBS, cli
from bulkput.config.describe import markdown_table
from bulkput.config.schema import json_schema
from bulkput.emulator.faults import Fault, FaultKind, Stage
from bulkput.model.exit_code import MEANINGS

ROOT = Path(__file__).resolve().parents[2]
MANUAL = ROOT / "bulkput" / "manual"
PAGES = (ROOT / "README.md", *sorted(MANUAL.glob("*.md")))
REGENERATE = "run: python tests/support/manual.py"

_PART = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- /generated -->)", re.DOTALL)
_SIGNALS = "ended by signal N (130: Ctrl-C, 143: SIGTERM); running the same command again resumes"


def page(name: str) -> str:
    """Return the text of a page of the manual."""
    return (MANUAL / f"{name}.md").read_text(encoding="utf-8")


def parts(text: str) -> dict[str, str]:
    """Return the generated parts of a page by their names."""
    return {name: body for _, name, body, _ in _PART.findall(text)}


def regenerated(text: str) -> str:
    """Return a page with its generated parts as the program has them now."""
    return _PART.sub(lambda part: part[1] + generate(part[2]) + part[4], text)


def generate(name: str) -> str:
    """Return what the part called ``name`` has to be.

    Raises:
        KeyError: no part is called so.
    """
    kind, _, words = name.partition(" ")
    return _KINDS[kind](words)


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command with the words that call it, a group before its commands."""
    waiting = [("bulkput", cli)]
    while waiting:
        words, command = waiting.pop(0)
        # click keeps a command's help flags as the first context has them: those of the program.
        settings = {**cli.context_settings, **command.context_settings}
        context = click.Context(command, info_name=words, **settings)
        yield words, command, context
        if isinstance(command, click.Group):
            waiting += [
                (f"{words} {name}", command.get_command(context, name))
                for name in command.list_commands(context)
            ]


def flags(command: click.Command) -> set[str]:
    """Return the flags of a command's own, without those of one letter."""
    return {
        name
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    }


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return _row(head) + "|---" * len(head) + "|\n" + "".join(_row(row) for row in rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _flags(words: str) -> str:
    command, context = {name: (one, ctx) for name, one, ctx in commands()}[words]
    return _table(("flag", "meaning"), _flag_rows(command, context))


def _flag_rows(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for option in command.params:
        if not isinstance(option, click.Option) or option.hidden:
            continue
        record = option.get_help_record(context)
        assert record is not None
        default = option.get_help_extra(context).get("default")
        yield (
            f"`{record[0]}`",
            f"{option.help}" + (f" Default: `{default}`." if default else ""),
        )


def _exit_codes(_: str) -> str:
    rows = [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]
    return _table(("code", "meaning"), [*rows, ("128 + N", _SIGNALS)])


def _verbs(_: str) -> str:
    """Return the commands as ``bulkput --help`` lists them, a row for each section."""
    return _table(
        ("for", "commands"),
        (
            (title, "<br>".join(f"`bulkput {name}`: {VERBS[name]}" for name in names))
            for title, names in COMMAND_SECTIONS.items()
        ),
    )


def _topics(_: str) -> str:
    """Return the pages of the manual with their titles."""
    rows = (
        (f"[{path.stem}](bulkput/manual/{path.name})", _title(path))
        for path in sorted(MANUAL.glob("*.md"))
    )
    return _table(("topic", "what it is about"), rows)


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


_STAGES = {
    Stage.BEFORE_BODY: "before the body is read",
    Stage.INSTEAD: "after the body was read; nothing is done",
    Stage.AFTER: "the call is done, its answer suffers",
}


def _fault_kinds(_: str) -> str:
    """Return the emulator's faults by the moment at which they act."""
    stages = {kind: Fault(kind=kind, code="AnyCode").stage for kind in FaultKind}
    rows = (
        (words, ", ".join(f"`{kind}`" for kind in FaultKind if stages[kind] is stage))
        for stage, words in _STAGES.items()
    )
    return _table(("acts", "kinds"), rows)


_KINDS: dict[str, Callable[[str], str]] = {
    "flags": _flags,
    "exit-codes": _exit_codes,
    "config-keys": lambda _: markdown_table(),
    "verbs": _verbs,
    "topics": _topics,
    "fault-kinds": _fault_kinds,
}


def main() -> None:
    """Write every page anew, and the schema of job files."""
    for path in PAGES:
        before = path.read_text(encoding="utf-8")
        after = regenerated(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            click.echo(path.relative_to(ROOT))
    schema = json.dumps(json_schema(), indent=2) + "\n"
    (ROOT / "configs" / "job.schema.json").write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    main()
