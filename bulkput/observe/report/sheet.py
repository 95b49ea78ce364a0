"""A sheet to draw on, in points from its lower left corner, that becomes SVG.

matplotlib's SVG backend writes it, without figures and axes: importing and laying out those takes
three times the processor time of all that is drawn. Text stays text.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, IdentityTransform

Points = Sequence[tuple[float, float]]
Area = tuple[float, float, float, float]
"""Left, bottom, width and height."""

_HERE = IdentityTransform()
_RECTANGLE = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
_DASHES = (3.7, 1.6)
"""Drawn and left out, in widths of the line."""
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"]}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def sheet_style(key: str) -> Iterator[None]:
    """Set what all of a sheet is drawn with; ``key`` keeps its ids the same from run to run."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": key}):
        yield


class Sheet:
    """One picture while it is drawn, within ``sheet_style``; what is drawn later lies above."""

    def __init__(self, width_pt: float, height_pt: float) -> None:
        """Begin an empty one."""
        self.width_pt = width_pt
        self.height_pt = height_pt
        self._text = io.StringIO()
        self._clip: Bbox | None = None
        backend: Any = RendererSVG
        self._renderer = backend(width_pt, height_pt, self._text, metadata=_NO_METADATA)

    def clip_to(self, area: Area | None) -> None:
        """Leave out what of lines, areas and rectangles is outside; None ends that."""
        self._clip = None if area is None else Bbox.from_bounds(*area)

    def line(
        self, points: Points, colour: str, width_pt: float, *, is_dashed: bool = False
    ) -> None:
        """Draw a line through ``points``."""
        if not len(points):
            return
        context = self._context(colour, width_pt)
        if is_dashed:
            context.set_dashes(0, [each * width_pt for each in _DASHES])
        self._renderer.draw_path(context, Path(np.asarray(points, float)), _HERE)

    def area(self, outline: Points, colour: str, *, alpha: float = 1.0) -> None:
        """Fill what ``outline`` encloses."""
        if len(outline):
            self._fill(Path(np.asarray([*outline, outline[0]], float), closed=True), colour, alpha)

    def rectangles(self, areas: Iterable[Area], colour: str) -> None:
        """Fill several rectangles, as one path."""
        each = [
            Path(
                [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)],
                _RECTANGLE,
            )
            for x, y, width, height in areas
        ]
        if each:
            self._fill(Path.make_compound_path(*each), colour, 1.0)

    def marks(self, points: Points, shape: str, colour: str, size_pt: float) -> None:
        """Draw a mark of matplotlib's ``shape`` at each point."""
        if not len(points):
            return
        style = MarkerStyle(shape)
        face = to_rgba(colour) if style.is_filled() else None
        size = style.get_transform() + Affine2D().scale(size_pt)
        context = self._context(colour, 1.0)
        places = Path(np.asarray(points, float))
        self._renderer.draw_markers(context, style.get_path(), size, places, _HERE, face)

    def text(
        self,
        at: tuple[float, float],
        words: str,
        size_pt: float,
        colour: str,
        *,
        align: Literal["left", "center", "right"] = "left",
        is_bold: bool = False,
    ) -> None:
        """Write ``words`` on a base line that begins, ends or has its middle ``at`` a place."""
        weight = "bold" if is_bold else "normal"
        context = self._context(colour, 0.0)
        context.set_clip_rectangle(None)
        font = FontProperties(family="sans-serif", size=size_pt, weight=weight)
        anchor = Text(*at, horizontalalignment=align, transform=_HERE)
        down = self.height_pt - at[1]  # the backend flips paths, and leaves text to who draws it
        self._renderer.draw_text(context, at[0], down, words, font, 0.0, mtext=anchor)

    def svg(self) -> str:
        """Return the document; nothing can be drawn after that."""
        self._renderer.finalize()
        return self._text.getvalue()

    def _fill(self, path: Path, colour: str, alpha: float) -> None:
        face = to_rgba(colour, alpha)
        self._renderer.draw_path(self._context(colour, 0.0), path, _HERE, face)

    def _context(self, colour: str, width_pt: float) -> GraphicsContextBase:
        context: GraphicsContextBase = self._renderer.new_gc()
        context.set_foreground(colour)
        context.set_linewidth(width_pt)
        context.set_clip_rectangle(self._clip)
        return context
