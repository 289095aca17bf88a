"""The pages "Coming from …": their code runs, ours always, theirs where the other package is installed."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "coming_from"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "index")
# What a page's own code needs besides diracs.
OTHERS = {
    "discretize_distributions": ["discretize_distributions"],
    "filterpy": ["filterpy"],
    "pot": ["ot"],
    "scikit_learn": ["sklearn"],
    "sdot": ["sdot", "pysdot"],
}


def blocks(page: str) -> list[str]:
    """The Python of a page, block by block."""
    return re.findall(r"^```python\n(.*?)^```", (FOLDER / f"{page}.md").read_text(encoding="utf-8"), re.M | re.S)


def needed(code: str, names: list[str]) -> list[str]:
    """Which of some packages a block imports."""
    return [name for name in names if re.search(rf"^(?:import|from) {name}\b", code, re.M)]


def test_every_page_is_run() -> None:
    assert sorted(OTHERS) == PAGES
    for page, names in OTHERS.items():
        assert {name for code in blocks(page) for name in needed(code, names)} == set(names)


@pytest.mark.parametrize("page", PAGES)
def test_our_code(page: str) -> None:
    """Without the other package: a block that imports it, or speaks of what is `theirs`, is left out."""
    if page == "discretize_distributions":
        pytest.importorskip("torch")
    names: dict[str, object] = {}
    ran = 0
    for code in blocks(page):
        if not needed(code, OTHERS[page]) and not re.search(r"\b(?:theirs|centroids)\b", code):
            exec(compile(code, f"{page}.md", "exec"), names)
            ran += "diracs." in code
    assert ran


@pytest.mark.parametrize(("page", "other"), [(page, name) for page, names in OTHERS.items() for name in names])
def test_both_agree(page: str, other: str) -> None:
    """From the block that imports the other package to the next package's: numbers are compared on the page."""
    pytest.importorskip(other)
    names: dict[str, object] = {}
    running = len(OTHERS[page]) == 1
    for code in blocks(page):
        if packages := needed(code, OTHERS[page]):
            running = packages == [other]
        if running:
            exec(compile(code, f"{page}.md", "exec"), names)
