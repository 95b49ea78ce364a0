import json
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.bench import Options
from benchmarks.measure.summary import rotated, spread
from benchmarks.report import store
from benchmarks.report.markdown import CAVEATS
from benchmarks.report.picture import bars_svg, lines_svg, staircase
from benchmarks.report.result import Bar, BarChart, CaseResult, Figure, LineChart, Reach

MACHINE = {"commit": "abc", "cpu": "a CPU", "cores": 2, "python": "3.11"}
OPTIONS = Options(rounds=3, size_gib=4, duration_s=60, only=frozenset())


def result(*figures: Figure) -> CaseResult:
    return CaseResult(
        name="a_case",
        summary="What it does.",
        caveats=("A caveat of its own.",),
        figures=figures,
        columns=("client", "CPU"),
        rows=(("bulkput", 1.23456),),
        bar_chart=BarChart("Title <1>", "s", (Bar("bulkput", 2, 1, 3), Bar("a & b", 0, 0, 0))),
        skipped={"coldsnap": "not installed"},
    )


def test_each_round_begins_with_another_client() -> None:
    assert [rotated("abc", number) for number in range(4)] == [
        list("abc"),
        list("bca"),
        list("cab"),
        list("abc"),
    ]


def test_the_median_comes_with_its_extremes() -> None:
    assert spread([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def test_a_figure_is_met_within_its_limits_only() -> None:
    assert Figure("at most", 1.35, "x", Reach(at_most=1.35)).is_met is True
    assert Figure("at most", 1.36, "x", Reach(at_most=1.35)).is_met is False
    assert Figure("at least", 0.97, "", Reach(at_least=0.98)).is_met is False
    assert Figure("never came", None, "s", Reach(at_most=10)).is_met is False
    assert Figure("for information", 1.0, "s").is_met is None


def test_the_page_begins_with_the_caveats_and_reports_what_was_missed(tmp_path: Path) -> None:
    missed = Figure("a ratio", 2.0, "x", Reach(at_most=1.35))
    store.save(tmp_path, result(missed), OPTIONS, MACHINE)
    store.write_page(tmp_path, ["a_case", "never_run"])
    page = (tmp_path / "README.md").read_text()
    assert page.index(CAVEATS[0]) < page.index("## a_case")
    assert "| a ratio | 2.00 x | <= 1.35 | **no** |" in page
    assert "| bulkput | 1.23 |" in page
    assert "coldsnap did not take part: not installed" in page
    assert "commit abc" in page


def test_the_json_holds_figures_verdicts_and_the_machine(tmp_path: Path) -> None:
    store.save(tmp_path, result(Figure("f", 0.123456, "s", Reach(at_most=1))), OPTIONS, MACHINE)
    document = json.loads((tmp_path / "a_case.json").read_text())
    assert document["machine"] == MACHINE
    assert document["case"]["figures"][0]["value"] == 0.1235
    assert document["case"]["figures"][0]["is_met"] is True


def test_pictures_are_well_formed_whatever_they_are_labelled() -> None:
    bars = result().bar_chart
    assert bars is not None
    texts = [node.text for node in ET.fromstring(bars_svg(bars)).iter() if node.text]
    assert "Title <1>" in texts
    assert "a & b" in texts
    lines = LineChart("t", "u", {"bulkput": [(0.5, 0.0)], "quota": staircase([(0, 5)], 1)})
    ET.fromstring(lines_svg(lines))


def test_a_staircase_holds_each_step_until_the_next() -> None:
    corners = staircase([(0, 1000), (20, 300)], 60)
    assert corners == [(0, 1000), (20, 1000), (20, 300), (60, 300)]
