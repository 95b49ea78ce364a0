"""Pictures, by what is where in them."""

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from bulkput.observe.report.picture import Bars, Line, Marks, Strips, TimeLines
from bulkput.observe.report.pictures import svg

SVG = "{http://www.w3.org/2000/svg}"
RISING = Line("reached", [(0.0, 0.0), (5.0, 50.0), (10.0, 100.0)], "#0072b2")
PHASES = Strips(
    "p", "Phases", "w", [("first", [(0, 5, "#0072b2")]), ("second", [(5, 5, "#d55e00")])], 10.0
)
BARS = Bars("b", "Bars", "w", [("fast", 9.0, 8.0, 9.5, "#0072b2"), ("none", 0, 0, 0, "#9aa5b1")])


def drawn(picture):
    root = ET.fromstring(svg(picture, is_inline=False))
    width, height = map(float, root.get("viewBox").split()[2:])
    texts = {
        each.text: (float(each.get("x")), float(each.get("y"))) for each in root.iter(f"{SVG}text")
    }
    return root, texts, (width, height)


def filled(root, colour):
    """Return left, top, right and bottom of what has a colour."""
    (found,) = [
        each.get("d") for each in root.iter(f"{SVG}path") if f"fill: {colour}" in each.get("style")
    ]
    numbers = [float(each) for each in re.findall(r"-?[\d.]+", found)]
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


@pytest.mark.parametrize(
    "picture",
    [
        TimeLines("t", "Rate", "w", [RISING], 10.0, unit="calls/s"),
        TimeLines("t", "Rate", "w", [RISING], 10.0, unit="calls/s", is_alone=True),
        TimeLines("t", "Rate", "w", [RISING, RISING], 10.0, is_stacked=True),
        TimeLines("t", "Rate", "w", [Line("a", [])], 0.0),
        TimeLines("t", "Rate", "w", [Line("a", [])], 0.0, is_stacked=True),
        TimeLines("t", "Rate", "w", [], 0.0, [Marks("m", [], "#d55e00")]),
        *(PHASES, BARS, Strips("s", "Nothing", "w", [], 0.0), Bars("b", "Nothing", "w", [])),
    ],
)
def test_every_text_is_within_its_picture(picture):
    _, texts, (width, height) = drawn(picture)
    assert all(0 <= x <= width and 0 < y < height for x, y in texts.values())


def test_values_rise_upwards_and_time_goes_to_the_right():
    _, texts, (width, height) = drawn(TimeLines("t", "Rate", "w", [RISING], 10.0, unit="calls/s"))
    assert texts["calls/s"][1] < texts["100"][1] < texts["50"][1] < texts["0"][1] < texts["0 s"][1]
    assert texts["0 s"][0] < texts["6 s"][0] < texts["10 s"][0]
    assert texts["100"][1] < 0.3 * height
    assert texts["10 s"][0] > 0.9 * width


def test_stretches_are_beside_their_labels():
    root, texts, _ = drawn(PHASES)
    first, second = filled(root, "#0072b2"), filled(root, "#d55e00")
    assert first[1] < texts["first"][1] < first[3] < second[1] < texts["second"][1] < second[3]
    assert first[2] == pytest.approx(second[0])
    assert first[2] - first[0] == pytest.approx(second[2] - second[0])


def test_what_is_stacked_counts_from_the_moment_before_on():
    lines = [Line("a", [(1.0, 2.0), (2.0, 4.0)], "#0072b2"), Line("b", [(1.0, 9.0), (2.0, 4.0)])]
    root, _, _ = drawn(TimeLines("t", "Rate", "w", lines, 2.0, is_stacked=True))
    left, top, right, bottom = filled(root, "#0072b2")
    upper = filled(root, "#e69f00")
    assert (upper[0], upper[2], upper[3]) == pytest.approx((left, right, bottom), abs=bottom - top)
    assert upper[1] < top


def test_what_is_outside_of_the_time_is_cut_off():
    early = Line("a", [(-5.0, 1.0), (1.0, 1.0)], is_filled=True)
    root, _, _ = drawn(TimeLines("t", "Rate", "w", [early], 2.0))
    assert len(root.findall(f".//{SVG}path[@clip-path]")) == 2


def test_drawing_loads_neither_figures_nor_axes():
    """They take longer to import and to lay out than all that is drawn."""
    code = (
        "import sys; from bulkput.observe.report import pictures as p, picture as q\n"
        "p.svg(q.TimeLines('t', 'T', 'w', [q.Line('a', [(0.0, 1.0)])], 1.0))\n"
        "sys.exit(' '.join(n for n in ('matplotlib.figure', 'matplotlib.axes',"
        " 'matplotlib.pyplot') if n in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
