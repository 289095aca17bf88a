"""Small pictures as SVG, written by ourselves: a box of the plane, and what lies in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

import numpy as np

from diracs.show.style import DIRAC, is_narrow

# The longer side of a picture, the shorter one of what is stretched, and the rim, in pixels.
_LONG, _SHORT, _RIM = 300.0, 90.0, 6.0


class Picture:
    """Marks in a box (2, 2) of the plane, to scale unless it is narrow; colours go with light and dark pages.

    Parameters
    ----------
    limits : array (2, 2)
        The corners of the box.
    flat : bool
        Whether the axes have scales of their own, as those of a density on the line have.
    """

    def __init__(self, limits: np.ndarray, flat: bool = False) -> None:
        # Halves first: the extent of what reaches from -1e308 to 1e308 is no double.
        extent = 2.0 * (0.5 * limits[1] - 0.5 * limits[0])
        if flat:
            self._size = np.array([_LONG, 0.5 * _LONG])
        else:
            self._size = _LONG * extent / extent.max()
            if is_narrow(limits):
                self._size = np.maximum(self._size, _SHORT)
        self._low, self._scale = limits[0], self._size / extent
        self._marks: list[str] = []

    def _at(self, points: np.ndarray) -> np.ndarray:
        """Pixels (m, 2) of points (m, 2), downwards."""
        x = (points - self._low) * self._scale
        return np.column_stack([x[:, 0], self._size[1] - x[:, 1]]) + _RIM

    def dots(self, points: np.ndarray, areas: np.ndarray) -> None:
        """Points (m, 2) as dots of these areas (m,), in shares of the largest."""
        # About as many as fill a twentieth of the picture, within what can be seen.
        largest = float(np.clip(math.sqrt(0.05 * self._size.prod() / (math.pi * max(len(points), 1))), 1.2, 6.0))
        radii = np.maximum(largest * np.sqrt(areas / max(float(areas.max(initial=0.0)), 1e-300)), 0.6)
        self._marks += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{DIRAC}"/>'
            for (x, y), r in zip(self._at(points), radii)
        ]

    def stems(self, points: np.ndarray) -> None:
        """Lines from the axis up to points (m, 2)."""
        feet, tops = self._at(points * np.array([1.0, 0.0])), self._at(points)
        self._marks += [
            f'<path d="M{x:.1f} {low:.1f}V{y:.1f}" stroke="{DIRAC}"/>' for (x, low), (_, y) in zip(feet, tops)
        ]

    def line(self, points: np.ndarray, *, closed: bool = False, fill: float = 0.0, opacity: float = 0.6) -> None:
        """A line through points (m, 2), closed and filled if wanted."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in self._at(points))
        tag = "polygon" if closed else "polyline"
        inside = f'fill="currentColor" fill-opacity="{fill:.2f}"' if fill else 'fill="none"'
        self._marks.append(f'<{tag} points="{path}" {inside} stroke="currentColor" stroke-opacity="{opacity:.2f}"/>')

    def ellipse(self, centre: np.ndarray, cov: np.ndarray, reach: float, fill: float, opacity: float = 0.4) -> None:
        """The points within so many deviations of a centre (2,), for a covariance (2, 2)."""
        turned = np.diag([1.0, -1.0]) * self._scale
        variances, axes = np.linalg.eigh(turned @ cov @ turned.T)
        (ry, rx), ((x, y),) = reach * np.sqrt(np.maximum(variances, 0.0)), self._at(centre[None])
        angle = math.degrees(math.atan2(axes[1, 1], axes[0, 1]))
        self._marks.append(
            f'<ellipse rx="{rx:.1f}" ry="{ry:.1f}" transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})"'
            f' fill="currentColor" fill-opacity="{fill:.2f}" stroke="currentColor" stroke-opacity="{opacity:.2f}"/>'
        )

    def pixels(self, corners: np.ndarray, shades: Iterable[float]) -> None:
        """Rectangles of opposite corners (m, 2, 2), of shades between 0 and 1."""
        low, high = self._at(corners[:, 0]), self._at(corners[:, 1])
        self._marks += [
            f'<rect x="{a:.1f}" y="{top:.1f}" width="{b - a:.1f}" height="{bottom - top:.1f}"'
            f' fill="currentColor" fill-opacity="{shade:.2f}"/>'
            for (a, bottom), (b, top), shade in zip(low, high, shades)
            if shade >= 0.005
        ]

    def text(self, title: str) -> str:
        """The picture as an SVG element, with a title for those who do not see it."""
        width, height = self._size + 2.0 * _RIM
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img"'
        return f"{head}><title>{escape(title)}</title>{''.join(self._marks)}</svg>"
