"""The page of a report: stories in, one HTML file out. Nothing in it runs, and nothing is loaded.

Imported only where a report is asked for: Jinja2 and matplotlib are an extra.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bulkput import __version__
from bulkput.model.duration import format_duration
from bulkput.observe.report import charts, facts
from bulkput.observe.report.image_rows import image_rows, made_rows
from bulkput.observe.report.palette import CLASS_OF, CSS_OF, GREY, INK, OF_FATES, OF_PHASES
from bulkput.observe.report.picture import Strips, TimeLines
from bulkput.observe.report.pictures import svg
from bulkput.observe.report.story import RunStory, VolumeStory

RUNS_MAX = 20
"""With pictures of their own; of a stream of many runs the last ones are looked for."""
NOTABLE_MAX = 12
"""Volumes with pictures of their own."""


@dataclass(frozen=True)
class _Drawn:
    title: str
    svg: Markup
    legend: tuple[tuple[str, str], ...] = ()
    """Labels, with the class of their colour."""
    kind: str = ""


def render(runs: Sequence[RunStory], warnings: Sequence[str], made_unix_s: float) -> str:
    """Return the page.

    Args:
        runs: In the order in which they are shown.
        warnings: What was left out of the streams, a sentence each without its end.
        made_unix_s: When the page is made.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    folder = files("bulkput.observe.report")
    template = environment.from_string((folder / "page.html").read_text(encoding="utf-8"))
    css = (folder / "page.css").read_text(encoding="utf-8")
    left_out = len(runs) - RUNS_MAX
    if left_out > 0:
        runs = runs[left_out:]
        warnings = [*warnings, f"{left_out} earlier runs are left out"]
    overview = [_drawn(charts.together("all", runs), kind="wide")] if len(runs) > 1 else []
    page = template.render(
        title=_title(runs),
        subtitle=_subtitle(runs),
        css=Markup(css + "".join(_colours())),  # noqa: S704 - all our own
        warnings=warnings,
        overview=overview,
        runs=[_run(run, f"run-{number}") for number, run in enumerate(runs, 1)],
        version=__version__,
        made=facts.when(made_unix_s),
    )
    return f"{page}\n"


def _title(runs: Sequence[RunStory]) -> str:
    if len(runs) == 1:
        return f"bulkput: {facts.heading(runs[0])}"
    return f"bulkput: {len(runs)} runs"


def _subtitle(runs: Sequence[RunStory]) -> str:
    begun_unix_s = min(run.begun_unix_s for run in runs)
    ended_unix_s = max(run.begun_unix_s + run.last_s for run in runs)
    hosts = {run.host for run in runs}
    where = f" on {len(hosts)} hosts" if len(hosts) > 1 else ""
    return f"{facts.when(begun_unix_s)} to {facts.when(ended_unix_s)}{where}"


def _run(run: RunStory, key: str) -> dict[str, Any]:
    verdict, is_good = facts.verdict(run)
    phases = facts.phase_rows(run)
    return {
        "key": key,
        "heading": facts.heading(run),
        "verdict": verdict,
        "is_good": is_good,
        "begun": facts.when(run.begun_unix_s),
        "error": run.error,
        "tiles": facts.tiles(run),
        "volumes": facts.volume_rows(run),
        "pictures": list(_pictures(run, key)),
        "made": made_rows(run),
        "images": image_rows(run),
        "limits": facts.limit_rows(run),
        "phases": phases,
        "phase_pictures": list(_phases(run, key, [row.label for row in phases])),
        "disks": list(_disks(run, key)),
        "disks_left_out": max(0, len(run.volumes) - NOTABLE_MAX),
        "cost": facts.cost_rows(run),
        "notes": run.notes,
        "notes_left_out": run.notes_left_out,
        "settings": facts.setting_rows(run),
        "versions": facts.version_rows(run),
    }


def _pictures(run: RunStory, key: str) -> Iterator[_Drawn]:
    whole, end_s = run.whole, run.last_s
    if not any(point.per_s or point.failures for point in whole.points):
        return
    if len(run.volumes) > 1:
        yield _drawn(charts.stacked(f"{key}-rate", run, end_s))
    else:
        yield _drawn(charts.rate(f"{key}-rate", whole, end_s))
    yield _drawn(charts.latency(f"{key}-latency", whole, end_s))
    yield _drawn(charts.in_flight(f"{key}-flight", whole, end_s))
    failed = charts.failures(f"{key}-failures", whole, end_s)
    if failed is not None:
        yield _drawn(failed)
    if len(run.volumes) > 1:
        for number, volume in enumerate(_notable(run)):
            yield _own_rate(f"{key}-rate-{number}", run, volume)


def _own_rate(key: str, run: RunStory, volume: VolumeStory) -> _Drawn:
    """Return the rate of one volume from its own begin on."""
    begun_s = volume.begun_s
    end_s = run.last_s if volume.ended_s is None else volume.ended_s
    chart = charts.rate(key, volume.series, end_s - begun_s, begun_s=begun_s)
    since = f", begun after {format_duration(begun_s)}" if begun_s >= 1 else ""
    return _drawn(chart, f"Calls a second: {volume.name}{since}")


def _notable(run: RunStory) -> list[VolumeStory]:
    """Return the volumes that get pictures of their own: failed ones first, then as they began."""
    by_need = sorted(run.volumes.values(), key=lambda each: facts.status_of(run, each)[1])
    return by_need[:NOTABLE_MAX]


def _disks(run: RunStory, key: str) -> Iterator[_Drawn]:
    for number, volume in enumerate(_notable(run)):
        if volume.disk is not None and volume.disk["block_count"]:
            chart = charts.disk(f"{key}-disk-{number}", volume, volume.disk)
            legend = tuple(
                (f"{row.label}: {row.value}", CLASS_OF[OF_FATES.get(fate, INK)])
                for fate, row in facts.fate_rows(run, volume.disk)
            )
            yield _Drawn(volume.name, _markup(chart), legend, "map")


def _phases(run: RunStory, key: str, names: Sequence[str]) -> Iterator[_Drawn]:
    if names:
        chart = charts.phases(f"{key}-phases", run)
        legend = tuple((name, CLASS_OF[OF_PHASES.get(name, GREY)]) for name in names)
        yield _Drawn(chart.title, _markup(chart), legend)


def _drawn(picture: TimeLines, title: str | None = None, *, kind: str = "") -> _Drawn:
    legend = picture.legend if len(picture.legend) > 1 else []
    shown = tuple((label, CLASS_OF[colour]) for label, colour in legend)
    return _Drawn(title or picture.title, _markup(picture), shown, kind)


def _markup(picture: TimeLines | Strips) -> Markup:
    return Markup(svg(picture))  # noqa: S704 - drawn by us, all text in it escaped by matplotlib


def _colours() -> Iterator[str]:
    for colour, name in CLASS_OF.items():
        yield f".{name} {{ background: {CSS_OF.get(colour, colour)}; }}\n"
