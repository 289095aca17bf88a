"""Formulas in the pages are plain text that can be read anywhere, z_k and Σ^{1/2}: indices are lowered and raised."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

_INDEX = r"\{[^{}]*\}|[A-Za-z0-9α-ω]+|\*"
# A sign of one letter, a number or a closing bracket, and its index; a word, if the index is one letter.
_BASE = r"(?<![A-Za-z0-9_])(?:[^\W\d_][̂̃]?|\d+)|[)\]|‖∂∇∫∏ᵀ⁺²]"
_MARKED = re.compile(rf"(?P<base>{_BASE})(?P<mark>[_^])(?P<index>{_INDEX})|(?P<word>[a-z]+)_(?P<one>[a-z])\b")


def pieces(text: str) -> list[nodes.Node]:
    """The text in pieces, indices among them."""
    found: list[nodes.Node] = []
    end = 0
    for match in _MARKED.finditer(text):
        base = "base" if match["base"] else "word"
        found.append(nodes.Text(text[end : match.end(base)]))
        kind = nodes.superscript if match["mark"] == "^" else nodes.subscript
        index = (match["index"] or match["one"]).strip("{}")
        found.append(kind("", "", *(pieces(index) or [nodes.Text(index)])))
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
