"""How the scripts in `examples/` become pages of sphinx-gallery, as they are: copied with a heading, and run."""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

# Where examples save their pictures while they are run.
PICTURES = Path(tempfile.gettempdir()) / "diracs-gallery"
# In the order of the pages; with arguments that keep each run below half a minute.
EXAMPLES: dict[str, list[str]] = {
    "demo": ["--output", "."],
    "stream": ["--samples", "500000", "--output", "stream.png"],
    "learn_levels": ["--output", "learn_levels.png"],
    "fit_mixture": ["--output", "fit_mixture.png"],
    "stipple": ["--points", "3000", "--output", "stipple.png"],
    "lloyd_iterations": ["--output", "lloyd_iterations.png"],
    "morph": ["--output", "morph.png"],
    "place_points_torch": ["200", "place_points_torch.png"],
    "place_points_jax": ["200", "place_points_jax.png"],
    "mesh": ["--steps", "10", "--output", "mesh.png"],
    "polycrystal": ["--grains", "200", "--output", "polycrystal.png"],
    "ct_volume": ["--points", "800", "--voxels", "32", "--output", "ct_volume.png"],
    "fluid": ["--points", "800", "--steps", "40", "--output", "fluid.png"],
    "damped_rotation": ["--output", "damped_rotation.png"],
    "pendulum": ["--output", "pendulum.png"],
    "network": ["--output", "network.png"],
    "safe_set": ["--output", "safe_set.png"],
    "ten_dimensions": ["--steps", "40", "--output", "ten_dimensions.png"],
    "bayesian_layer": ["--output", "bayesian_layer.png"],
}
TUTORIALS = ("quantize", "transport", "propagate")

HEADER = """\
Gallery
=======

Every picture is drawn by a script of a page or two, run anew for this page. The scripts are in `examples/`; each takes
``--help``.
"""


def with_heading(source: str) -> str:
    """A script whose docstring begins with a heading, as sphinx-gallery wants it: the first sentence up to a pause."""
    found = re.match(r'"""(.*?)"""\n', source, flags=re.DOTALL)
    assert found
    text = found[1].strip()
    title = re.split(r"[:;.]", " ".join(text.split("\n\n")[0].split()), maxsplit=1)[0]
    text = re.sub(r"\n\n(?=    )", "\n\n::\n\n", text)
    return f'"""{title}\n{"=" * len(title)}\n\n{text}\n"""\n' + source[found.end() :]


def prepare(scripts: Path, folder: Path) -> None:
    """Write the copies; those that have not changed keep their pages."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "GALLERY_HEADER.rst").write_text(HEADER, encoding="utf-8")
    names = sorted(path.stem for path in scripts.glob("*.py"))
    assert names == sorted(EXAMPLES), "docs/gallery.py must list every example"
    for name in names:
        (folder / f"{name}.py").write_text(with_heading((scripts / f"{name}.py").read_text("utf-8")), encoding="utf-8")


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """What an example is called with; its pictures go to an empty folder."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir()
    script = Path(script_vars["src_file"])
    # sphinx-gallery runs scripts without their docstring, of which they tell in their --help.
    script_vars["example_globals"]["__doc__"] = ast.get_docstring(ast.parse(script.read_text("utf-8")))
    given = EXAMPLES.get(script.stem, [])
    return [str(PICTURES / word) if word.endswith((".", ".png")) else word for word in given]


def saved_pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The pictures that an example has saved, in the order in which it did."""
    saved = sorted(PICTURES.glob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    shown = []
    for path in saved:
        shown.append(next(block_vars["image_path_iterator"]))
        shutil.move(path, shown[-1])
    if shown:
        from matplotlib import pyplot as plt

        # They would be shown once more.
        plt.close("all")
    return str(figure_rst(shown, gallery_conf["src_dir"]))


class Order:
    """The order of the lists above."""

    def __init__(self, src_dir: str) -> None:
        self.names = (*TUTORIALS, *EXAMPLES)

    def __call__(self, filename: str) -> int:
        return self.names.index(Path(filename).stem)
