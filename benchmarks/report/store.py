"""The results' folder: one JSON and one picture a case, and one page over all of them."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bench import Options
from benchmarks.report.markdown import case_section, render
from benchmarks.report.picture import bars_svg, lines_svg
from benchmarks.report.result import CaseResult

_PAGE_NAME = "README.md"


def save(folder: Path, result: CaseResult, options: Options, machine: Mapping[str, Any]) -> None:
    """Write a case's JSON and picture, in place of those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "case": result.as_dict(),
        "options": {**asdict(options), "only": sorted(options.only)},
        "machine": machine,
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }
    text = json.dumps(_rounded(document), indent=1) + "\n"
    (folder / f"{result.name}.json").write_text(text)
    if result.bar_chart:
        (folder / f"{result.name}.svg").write_text(bars_svg(result.bar_chart))
    if result.line_chart:
        (folder / f"{result.name}.svg").write_text(lines_svg(result.line_chart))


def load(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the saved results among ``names``, in that order."""
    paths = [folder / f"{name}.json" for name in names]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def sections(folder: Path, names: Iterable[str]) -> list[str]:
    """Return the lines of the saved results among ``names``, for a terminal."""
    return [line for document in load(folder, names) for line in case_section(document)]


def write_page(folder: Path, names: Iterable[str]) -> None:
    """Write the page over all saved results, old and new."""
    (folder / _PAGE_NAME).write_text(render(load(folder, names)))


def _rounded(value: Any) -> Any:
    """Return the same with floats cut to 4 digits after the point: more is noise."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
