"""Formulas in the pages are plain text that can be read anywhere, z_k and Σ^{1/2}: indices are lowered and raised."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

_SIGN = "A-Za-zΑ-Ωα-ωϕℓ∂∇∫Σ∏ĝξ"
_INDEX = r"\{[^{}]*\}|[A-Za-z0-9α-ω]+|\*"
# One letter, or a closing bracket, and its index; names of several letters are code.
_MARKED = re.compile(rf"(?<![A-Za-z0-9_])(?P<base>[{_SIGN}][̂̃]?|\d+|[)\]‖ᵀ⁺²])(?P<mark>[_^])(?P<index>{_INDEX})")


def pieces(text: str) -> list[nodes.Node]:
    """The text in pieces, indices among them."""
    found: list[nodes.Node] = []
    end = 0
    for match in _MARKED.finditer(text):
        index = match["index"].strip("{}")
        found.append(nodes.Text(text[end : match.end("base")]))
        kind = nodes.subscript if match["mark"] == "_" else nodes.superscript
        found.append(kind("", index))
        end = match.end()
    return [*found, nodes.Text(text[end:])] if found else []


class Indices(SphinxTransform):
    """Lowers and raises indices everywhere but in code."""

    default_priority = 750

    def apply(self, **options: Any) -> None:
        for text in list(self.document.findall(nodes.Text)):
            parents: list[Any] = [text.parent]
            while parents[-1].parent is not None:
                parents.append(parents[-1].parent)
            if any(isinstance(p, nodes.literal | nodes.FixedTextElement | nodes.raw | nodes.title) for p in parents):
                continue
            if marked := pieces(str(text)):
                text.parent.replace(text, marked)
