"""The pages: every public name, example and page is reached, links lead somewhere, indices become indices."""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import diracs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"))
    if not {"_build", "generated"} & set(page.relative_to(ROOT).parts)
)


def listed() -> list[str]:
    """Names of the reference, as they are written there."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    blocks = re.findall(r"autosummary::\n(?:   :.*\n)*\n((?:   .+\n)+)", text)
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_the_reference_has_every_public_name_once() -> None:
    assert sorted(name for name in listed() if not name.startswith("~")) == sorted(diracs.__all__)


def test_the_reference_has_the_classes_of_all_results() -> None:
    shown = {name.rsplit(".", 1)[-1] for name in listed()}
    for name in diracs.__all__:
        of: Any = getattr(diracs, name)
        for function in [of] if inspect.isfunction(of) else [m for _, m in inspect.getmembers(of, inspect.isfunction)]:
            returned = str(function.__annotations__.get("return", ""))
            for word in re.findall(r"\b[A-Z]\w+", returned):
                kind: Any = function.__globals__.get(word)
                public = not function.__name__.startswith("_") and inspect.isclass(kind)
                if public and kind.__module__.startswith("diracs."):
                    assert word in shown, f"{name}.{function.__name__} returns a {word}"
    assert {"SpacePowerDiagram", "TorusPowerDiagram"} <= shown


def test_every_page_is_in_a_table_of_contents() -> None:
    found = {DOCS / "index.md"}
    for page in PAGES:
        for block in re.findall(r"```\{toctree\}\n(?::.*\n)*\n((?:.+\n)+)```", page.read_text(encoding="utf-8")):
            found |= {(page.parent / f"{entry}.md").resolve() for entry in block.split()}
    assert {page for page in PAGES if page.is_relative_to(DOCS)} <= found


def test_every_example_is_in_the_gallery() -> None:
    text = (DOCS / "gallery.py").read_text(encoding="utf-8")
    assert [path.stem for path in (ROOT / "examples").glob("*.py") if f'"{path.stem}": [' not in text] == []


def test_the_table_of_times_is_that_of_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows: figures depend on the machine."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    choose = pytest.importorskip("choose")
    shown = re.findall(r"^\| (.+) \| (\d+) \| (.+) \|$", (DOCS / "choose.md").read_text(encoding="utf-8"), re.M)
    expected = [(name, n, len(schemes)) for name, _, n, schemes in choose.rows(quick=False)]
    assert [(name, int(n), cells.count("\N{NO-BREAK SPACE}s, ")) for name, n, cells in shown] == expected


def test_the_tables_of_other_times_are_those_of_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    times = pytest.importorskip("times")
    shown = [line[2:-2].split(" | ") for line in (DOCS / "choose.md").read_text(encoding="utf-8").splitlines()]
    filled = {row[0]: sum("\N{NO-BREAK SPACE}s" in cell for cell in row[1:-2]) for row in shown}
    for name, _, most in times.densities():
        assert filled[name] == sum(n <= most for n in times.NUMBERS)
    for call, of, _, numbers in times.calls():
        [row] = [row for row in shown if row[:2] == [call, of]]
        assert [cell.split(":")[0] for cell in row[2:] if cell.strip()] == [times.NUMBERS[n] for n in numbers]


def anchors(page: Path) -> set[str]:
    """Those of the headings, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "generated/")):
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        assert to.is_file(), f"{target} in {page.name}"
        assert not anchor or anchor in anchors(to), f"{target} in {page.name}"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("‖Σ^{1/2}‖_* = Σ_k λ_k", "‖Σ<sup>1/2</sup>‖<sub>*</sub> = Σ<sub>k</sub> λ<sub>k</sub>"),
        ("(2Φ(m) − 1)^K, cost_k", "(2Φ(m) − 1)<sup>K</sup>, cost<sub>k</sub>"),
        ("|e|²_{P_t}", "|e|²<sub>P<sub>t</sub></sub>"),
        ("cell_masses, w2_lower", "cell_masses, w2_lower"),
    ],
)
def test_indices(text: str, marked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    formulas = pytest.importorskip("formulas")
    html = "".join(str(node) for node in formulas.pieces(text)) or text
    for name, tag in (("subscript", "sub"), ("superscript", "sup")):
        html = html.replace(f"<{name}>", f"<{tag}>").replace(f"</{name}>", f"</{tag}>")
    assert html == marked
