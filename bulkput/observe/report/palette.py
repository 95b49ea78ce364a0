"""The colours of pictures, and what each stands for: distinct for those who see few, and in grey.

Those of Okabe and Ito. Ink, grid and the like are names of CSS, so that a page in the dark has
light ones; where no page defines them, a picture alone is a dark one on white.
"""

INK = "#010101"
FAINT = "#020202"
GRID = "#030303"
PAPER = "#040404"
CSS_OF = {
    INK: "var(--ink, #1f2933)",
    FAINT: "var(--faint, #5b6673)",
    GRID: "var(--grid, #dde3ea)",
    PAPER: "var(--paper, #ffffff)",
}
"""Colours that nobody uses stand in until the picture is drawn."""

BLUE = "#0072b2"
SKY = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#e6c229"
ORANGE = "#e69f00"
RED = "#d55e00"
PINK = "#cc79a7"
GREY = "#9aa5b1"

CLASS_OF = {
    each: f"c-{each.removeprefix('#')}"
    for each in (BLUE, SKY, GREEN, YELLOW, ORANGE, RED, PINK, GREY)
} | {FAINT: "c-faint", INK: "c-ink"}
"""The class of CSS that has a colour, for legends beside a picture."""

SERIES = (BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY)

OF_FATES = {
    "data": BLUE,
    "zeros": SKY,
    "resumed": GREEN,
    "unchanged": PINK,
    "skipped_zero": YELLOW,
    "skipped_hole": GREY,
    "verified": GREEN,
    "different": RED,
}
OF_PHASES = {
    "preparing": GREY,
    "reading parent": PINK,
    "starting": YELLOW,
    "reading": SKY,
    "comparing": SKY,
    "uploading": BLUE,
    "sealing": ORANGE,
    "waiting": RED,
    "verifying": GREEN,
    "downloading": BLUE,
}
