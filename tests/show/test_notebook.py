"""What notebooks show: well-formed, small, with the certificate, in the page's colours, of anything there is."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import scipy.stats
from optional import optional

from diracs import (
    Affine,
    Elliptical,
    Gaussian,
    GaussianMixture,
    Independent,
    Mesh,
    Mixture,
    PolynomialGrid,
    SumOfDiracs,
    optimal_transport_plan,
    propagate,
    quantize,
)
from diracs.laws.convert import as_law

jax = optional("jax")
torch = optional("torch")

RNG = np.random.default_rng(0)
SVG = "{http://www.w3.org/2000/svg}"


def mixture(d, scale=1.0):
    return GaussianMixture(scale * RNG.normal(size=(3, d)), scale**2 * np.array([1.0, 0.5, 0.0]), [1, 2, 1])


def walk(d):
    turn = 0.5 * np.eye(d) + np.eye(d, k=1) * 0.3
    return propagate(Gaussian(np.ones(d), 0.1), Affine(turn), Gaussian(np.zeros(d), 0.5), 12)


SHOWN = {
    "Gaussian": lambda: Gaussian([0.0, 1.0], [1.0, 0.0]),
    "mixture, line": lambda: mixture(1),
    "mixture, plane": lambda: mixture(2),
    "mixture, 5": lambda: mixture(5),
    "small": lambda: quantize(mixture(3, 1e-150), 5),
    "large": lambda: quantize(mixture(2, 1e150), 5),
    "Dirac": lambda: GaussianMixture([[2.0]], [0.0]),
    "image, line": lambda: PolynomialGrid(RNG.random(1000)),
    "image, plane": lambda: PolynomialGrid(RNG.random((200, 90))),
    "image, space": lambda: PolynomialGrid(RNG.random((3, 20, 4)), [[0, 0, 0], [1, 50, 1]]),
    "points, line": lambda: SumOfDiracs(RNG.normal(size=(9, 1))),
    "points, plane": lambda: SumOfDiracs(RNG.normal(size=(5000, 2)), RNG.random(5000)),
    "points, 6": lambda: SumOfDiracs(RNG.normal(size=(8, 6)))[:3],
    "one point": lambda: SumOfDiracs([[1.0, 1.0]]),
    "q, line": lambda: quantize(mixture(1), 7),
    "q, plane": lambda: quantize(mixture(2), 7),
    "q, 4": lambda: quantize(mixture(4), 7, scheme="grid"),
    "q, image": lambda: quantize(PolynomialGrid(RNG.random((3, 4))), 5),
    "q, gamma": lambda: quantize(torch.distributions.Gamma(torch.tensor(2.0), torch.tensor(1.0)), 5),
    "q, mixed": lambda: quantize(Mixture([SumOfDiracs([[3.0, 3.0]]), PolynomialGrid([[1.0]])]), 4),
    "plan, line": lambda: optimal_transport_plan(SumOfDiracs([[0.1], [0.4]]), PolynomialGrid([1.0, 2.0])),
    "plan, plane": lambda: optimal_transport_plan(SumOfDiracs(RNG.random((9, 2))), PolynomialGrid(RNG.random((4, 4)))),
    "plan, space": lambda: optimal_transport_plan(SumOfDiracs(RNG.random((9, 3))), PolynomialGrid(np.ones((2, 2, 2)))),
    "mesh": lambda: Mesh([[0, 0], [1, 0], [1, 1], [0, 1]], [[0, 1, 2], [0, 2, 3]], [1.0, 3.0]),
    "independent, line": lambda: Independent([scipy.stats.gamma(2)], [[3.0]]),
    "independent, 3": lambda: Independent([scipy.stats.gamma(2)] * 3),
    "elliptical": lambda: Elliptical(scipy.stats.uniform(0, 1), [0.0, 0.0], [[2.0, 1.0], [1.0, 1.0]]),
    "gamma": lambda: as_law(scipy.stats.gamma(0.3)),
    "histogram": lambda: PolynomialGrid.from_histogram([[1, 2], [3, 0]], [[0, 1, 2], [0, 1, 5]]),
    "mixed": lambda: Mixture([SumOfDiracs([[3.0, 3.0]]), PolynomialGrid([[1.0]])]),
    "mostly one atom": lambda: Mixture([SumOfDiracs([[3.0, 3.0]]), PolynomialGrid([[1.0]])], [1000, 1]),
    "trajectory, line": lambda: walk(1),
    "trajectory, plane": lambda: walk(2),
    "trajectory, 4": lambda: walk(4),
}


@pytest.mark.parametrize("name", SHOWN)
def test_pictures_are_well_formed_and_small(name):
    shown = SHOWN[name]()
    text = shown._repr_html_()
    root = ET.fromstring(text)
    assert root.find("pre").text == repr(shown)
    picture = root.find(f"{SVG}svg")
    assert picture.find(f"{SVG}title").text == repr(shown)
    marks = list(picture)[1:]
    assert 1 <= len(marks) <= 601 and len(text) < 60_000
    assert "nan" not in text and "inf" not in text.replace("infinite", "")
    # In the colour of the page's text, but for the Diracs.
    colours = {mark.get(key) for mark in marks for key in ("fill", "stroke")} - {None, "none"}
    assert colours <= {"currentColor", "#d1495b"}
    width, height = float(picture.get("width")), float(picture.get("height"))
    assert max(width, height) <= 320
    # What is drawn lies inside.
    for dot in picture.findall(f"{SVG}circle"):
        assert 0 <= float(dot.get("cx")) <= width and 0 <= float(dot.get("cy")) <= height


def test_what_is_not_drawn_is_said():
    def note(x):
        return ET.fromstring(x._repr_html_()).findtext("div/small")

    assert note(SHOWN["points, plane"]()) == "300 of 5000 points drawn"
    assert note(SHOWN["mixture, 5"]()) == "projected onto two principal axes"
    assert note(SHOWN["image, space"]()) == "the first two coordinates"
    assert note(SHOWN["q, plane"]()) is None


def test_dots_lie_where_the_points_are_and_areas_are_like_masses():
    root = ET.fromstring(SumOfDiracs([[0.0, 0.0], [2.0, 1.0], [1.0, 1.0]], [4, 1, 1])._repr_html_())
    dots = root.findall(f".//{SVG}circle")
    x, y, r = (np.array([float(dot.get(key)) for dot in dots]) for key in ("cx", "cy", "r"))
    # To scale, the second axis upwards.
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(2.0, abs=0.01)
    assert (y[0] - y[1]) / (x[2] - x[0]) == pytest.approx(1.0, abs=0.01)
    assert r[0] / r[1] == pytest.approx(2.0, abs=0.05)


def test_ellipses_are_those_of_the_covariance():
    law = GaussianMixture([[0.0, 0.0]], [[[2.0, 1.0], [1.0, 2.0]]])
    wide, narrow = ET.fromstring(law._repr_html_()).findall(f".//{SVG}ellipse")
    assert float(wide.get("rx")) / float(wide.get("ry")) == pytest.approx(3**0.5, rel=0.01)
    assert float(wide.get("rx")) / float(narrow.get("rx")) == pytest.approx(2.0, rel=0.01)
    # The long axis goes up to the right: y is turned downwards in SVG.
    assert float(wide.get("transform").split("rotate(")[1].rstrip(")")) % 180 == pytest.approx(135.0)


def test_cells_of_a_plan_in_the_plane():
    root = ET.fromstring(SHOWN["plan, plane"]()._repr_html_())
    assert len(root.findall(f".//{SVG}polygon")) == 9


def test_text_is_escaped():
    class Odd(SumOfDiracs):
        def __repr__(self):
            return "<b>&\"'"

    root = ET.fromstring(Odd([[0.0, 1.0]])._repr_html_())
    assert root.findtext("pre") == "<b>&\"'" == root.findtext(f"{SVG}svg/{SVG}title")


def test_what_cannot_be_drawn_is_told_in_words():
    batch = GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1)))
    for shown in (batch, quantize(batch, 2), SumOfDiracs(np.zeros((2, 1, 2))), SumOfDiracs([[0.0]])[:0]):
        root = ET.fromstring(shown._repr_html_())
        assert root.find(f"{SVG}svg") is None and root.findtext("pre") == repr(shown)
    said = []
    jax.jit(lambda mu: said.append(GaussianMixture(mu, np.ones(1))._repr_html_()) or mu)(np.zeros((1, 2)))
    assert "<svg" not in said[0]
