"""Laws and results show themselves: pictures are drawn by `diracs.show`, which is reached when they are asked for."""

from __future__ import annotations

from typing import Any


class Shown:
    """What notebooks show as a line with its certificate, and a small picture."""

    def _repr_html_(self) -> str:
        from diracs.show.notebook import html

        return html(self)


class Drawn(Shown):
    """A law that is drawn by itself."""

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the density, of Diracs the points; see `diracs.show.plain.plot_law` and `plot_diracs`."""
        from diracs.show.plain import plot_by_itself

        return plot_by_itself(self, ax, **options)
