"""How the scripts in `examples/` become pages of sphinx-gallery, as they are: copied with a heading, and run."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from sphinx_gallery.scrapers import figure_rst

# By what they are about, in the order of the pages; with arguments for pages that are made in a few minutes.
SECTIONS: dict[str, dict[str, list[str]]] = {
    "quantize": {
        "demo": ["--output", "."],
        "stream": ["--samples", "500000", "--output", "stream.png"],
        "learn_levels": ["--output", "learn_levels.png"],
    },
    "transport": {
        "stipple": ["--output", "stipple.png"],
        "lloyd_iterations": ["--output", "lloyd_iterations.png"],
        "morph": ["--output", "morph.png"],
        "mesh": ["--output", "mesh.png"],
        "polycrystal": ["--output", "polycrystal.png"],
        "ct_volume": ["--points", "800", "--voxels", "32", "--output", "ct_volume.png"],
        "fluid": ["--points", "800", "--steps", "40", "--output", "fluid.png"],
        "fit_mixture": ["--output", "fit_mixture.png"],
        "place_points_torch": ["200", "place_points_torch.png"],
        "place_points_jax": ["200", "place_points_jax.png"],
    },
    "propagate": {
        "damped_rotation": ["--output", "damped_rotation.png"],
        "pendulum": ["--output", "pendulum.png"],
        "network": ["--output", "network.png"],
        "safe_set": ["--output", "safe_set.png"],
        "ten_dimensions": ["--steps", "40", "--output", "ten_dimensions.png"],
        "bayesian_layer": ["--output", "bayesian_layer.png"],
    },
}
EXAMPLES = {name: arguments for section in SECTIONS.values() for name, arguments in section.items()}
TUTORIALS = ("quantize", "transport", "propagate")

HEADER = """\
Gallery
=======

Every picture is drawn by a script of a page or two, run anew for this page. The scripts are in `examples/`.
"""


def heading(title: str, mark: str) -> str:
    return f"{title}\n{mark * len(title)}\n"


def with_heading(source: str, given: list[str]) -> str:
    """A script whose docstring begins with a heading, as sphinx-gallery wants it: the first sentence up to a pause."""
    found = re.match(r'"""(.*?)"""\n', source, flags=re.DOTALL)
    assert found
    text = found[1].strip()
    title = re.split(r"[:;.]", " ".join(text.split("\n\n")[0].split()), maxsplit=1)[0]
    text = re.sub(r"\n\n(?=    )", "\n\n::\n\n", text)
    if given[:-2]:
        text += f"\n\nHere with ``{' '.join(given[:-2])}``."
    return f'"""{heading(title, "=")}\n{text}\n"""\n' + source[found.end() :]


def prepare(scripts: Path, folder: Path) -> None:
    """Write the copies; those that have not changed keep their pages."""
    assert {path.stem for path in scripts.glob("*.py")} == set(EXAMPLES), "docs/gallery.py must list every example"
    for name, section in SECTIONS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "GALLERY_HEADER.rst").write_text(heading(name.capitalize(), "-"), encoding="utf-8")
        for script, given in section.items():
            source = (scripts / f"{script}.py").read_text(encoding="utf-8")
            (folder / name / f"{script}.py").write_text(with_heading(source, given), encoding="utf-8")
    (folder / "GALLERY_HEADER.rst").write_text(HEADER, encoding="utf-8")


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """What an example is called with, where its copy is; pictures go there, too."""
    script = Path(script_vars["src_file"])
    # sphinx-gallery runs scripts without their docstring, of which they tell in their --help.
    script_vars["example_globals"]["__doc__"] = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    return EXAMPLES.get(script.stem, [])


def saved_pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The pictures that an example has saved, in the order in which it did."""
    saved = Path(block_vars["src_file"]).parent.glob("*.png")
    shown = []
    for path in sorted(saved, key=lambda path: path.stat().st_mtime_ns):
        shown.append(next(block_vars["image_path_iterator"]))
        shutil.move(path, shown[-1])
    if shown:
        # Or sphinx-gallery shows them once more.
        plt.close("all")
    return str(figure_rst(shown, gallery_conf["src_dir"]))


class Order:
    """The order of the lists above, of sections and of scripts."""

    def __init__(self, src_dir: str | None = None) -> None:
        self.names = (*TUTORIALS, *EXAMPLES, *SECTIONS)

    def __call__(self, path: str) -> int:
        return self.names.index(Path(path).stem)


sections = Order()
