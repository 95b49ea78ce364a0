"""Results as Markdown, read back from their JSON, so that old and new stand in one table."""

from collections.abc import Mapping, Sequence
from typing import Any

CAVEATS = (
    (
        "Everything runs on one machine over the loopback: clients, servers and the harness share "
        "its cores, so absolute figures say little about EC2. Compare ratios within one run."
    ),
    (
        "CPU seconds are user + system of the whole client process, its start included. What the "
        "kernel does for the sink's side of a connection is sometimes charged to the client."
    ),
    "The sink checks nothing and never throttles: these are costs of a client, not of the service.",
    (
        "Peak RSS is the larger of the kernel's own peak for one process and 20 samples a second "
        "over the process and its children; mapped pages of the source count."
    ),
)


def _number(value: float | None) -> str:
    if value is None:
        return "never"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _measured(figure: Mapping[str, Any]) -> str:
    value, unit = figure["value"], figure["unit"]
    return _number(value) if value is None or not unit else f"{_number(value)} {unit}"


def _reach(reach: Mapping[str, float | None]) -> str:
    least, most = reach["at_least"], reach["at_most"]
    parts = [f">= {_number(least)}"] if least is not None else []
    parts += [f"<= {_number(most)}"] if most is not None else []
    return " and ".join(parts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def case_section(document: Mapping[str, Any]) -> list[str]:
    """Return the lines of one case, from the object that its JSON file holds."""
    case, machine = document["case"], document["machine"]
    lines = [f"## {case['name']}", "", case["summary"], ""]
    lines += [f"- {caveat}" for caveat in case["caveats"]]
    lines += [f"- {who} did not take part: {why}" for who, why in case["skipped"].items()]
    if case["caveats"] or case["skipped"]:
        lines.append("")
    if case["rows"]:
        rows = [
            [cell if isinstance(cell, str) else _number(cell) for cell in row]
            for row in case["rows"]
        ]
        lines += [*_table(case["columns"], rows), ""]
    if case["figures"]:
        verdicts = {True: "yes", False: "**no**", None: ""}
        rows = [
            [
                figure["what"],
                _measured(figure),
                _reach(figure["reach"]),
                verdicts[figure["is_met"]],
            ]
            for figure in case["figures"]
        ]
        lines += [*_table(("figure", "measured", "to reach", "reached"), rows), ""]
    if case["bar_chart"] or case["line_chart"]:
        lines += [f"![{case['name']}]({case['name']}.svg)", ""]
    rounds = "1 round" if case["rounds"] == 1 else f"{case['rounds']} rounds"
    place = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
    lines += [f"{rounds}, commit {machine['commit']}, {place}, {document['when']}.", ""]
    return lines


def render(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the whole page: caveats first, then every case."""
    lines = ["# Results", ""] + [f"- {caveat}" for caveat in CAVEATS] + [""]
    for document in documents:
        lines += case_section(document)
    return "\n".join(lines)
