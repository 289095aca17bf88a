"""The documentation: Sphinx over the Markdown pages, the docstrings, and the examples, which are run. `make docs`."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

import formulas  # noqa: E402
import gallery  # noqa: E402

import diracs  # noqa: E402

project = "diracs"
author = "The diracs authors"
copyright = author
version = release = diracs.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "tutorials", "generated/examples", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]

# Every link must lead somewhere. Single backticks are code, and links where they name something public.
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*")]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Docstrings have tables of parameters; signatures need no types besides.
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_attributes_as_param_list = True
add_module_names = False

sphinx_gallery_conf = {
    "examples_dirs": [str(DOCS / "tutorials"), str(DOCS / "generated" / "examples")],
    "gallery_dirs": ["generated/tutorials", "generated/gallery"],
    "filename_pattern": r"\.py$",
    "image_scrapers": ("gallery.saved_pictures", "matplotlib"),
    "reset_argv": "gallery.arguments",
    "within_subsection_order": "gallery.Order",
    "subsection_order": "gallery.sections",
    "nested_sections": False,
    "show_signature": False,
    "abort_on_example_error": True,
    "notebook_extensions": set(),
    "download_all_examples": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "diracs"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars: dict[str, list[str]] = {"index": [], "generated/tutorials/index": []}
html_theme_options: dict[str, Any] = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def skip_inherited(app: Any, kind: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Of classes only what diracs itself defines: nothing of tuples and exceptions."""
    for wrapped in ("fget", "func", "__func__"):
        member = getattr(member, wrapped, member)
    return None if inspect.isfunction(member) and member.__module__.startswith("diracs.") else True


def keep_bars(app: Any, kind: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """|x − y| is a distance in docstrings, never one of reStructuredText's substitutions."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`[^`]*`)", line)
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[number] = "".join(parts)


def link_pages(app: Any, kind: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Pages that docstrings name as files of the repository are links."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"docs/(\w+)\.md", r":doc:`/\1`", line)


def setup(app: Any) -> None:
    # Before numpydoc, which makes markup of its own.
    app.connect("autodoc-process-docstring", keep_bars, priority=400)
    app.connect("autodoc-process-docstring", link_pages, priority=900)
    app.connect("autodoc-skip-member", skip_inherited)
    app.add_transform(formulas.Indices)
    gallery.prepare(DOCS.parent / "examples", DOCS / "generated" / "examples")
