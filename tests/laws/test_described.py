"""Laws as plain data: each kind is what it says, and every mistake is named where it was made."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as st

from diracs import Elliptical, Gaussian, GaussianMixture, Independent, Mixture, SumOfDiracs, quantize
from diracs.laws.convert import as_law
from diracs.laws.described import CONTINUOUS, DISCRETE, law_of
from diracs.laws.histogram import Histogram
from diracs.laws.univariate.law import Univariate

SHAPES = {
    **{"a": 3.0, "b": 4.0, "c": 0.5, "df": 4.0, "s": 0.5},
    **{"p": 0.25, "n": 5, "mu": 2.0, "low": 1, "high": 5},
}
PAGE = (Path(__file__).parent.parent.parent / "docs" / "command_line.md").read_text()


@pytest.mark.parametrize("name", CONTINUOUS + DISCRETE)
def test_families_are_those_of_scipy(name):
    family = getattr(st, name)
    shapes = {entry: SHAPES[entry] for entry in (family.shapes or "").split(", ") if entry}
    placed = {"loc": 2.0} if name in DISCRETE else {"loc": 2.0, "scale": 3.0}
    law = law_of({"family": name, **shapes, **placed})
    frozen = family(**shapes, **placed)
    one = quantize(law, 1)
    assert one.positions[0, 0] == pytest.approx(frozen.mean(), rel=1e-10)
    assert float(one.w2) == pytest.approx(frozen.std(), rel=1e-9)
    # The page lists it, with its parameters.
    listed = "".join(f"`{entry}`, " for entry in shapes).removesuffix(", ")
    assert re.search(rf"\b{name}{re.escape(f' ({listed})') if shapes else ''}[,; ]", PAGE)


def test_kinds():
    gamma, uniform = {"family": "gamma", "a": 2}, {"family": "uniform"}
    law = law_of({"independent": [gamma, uniform], "matrix": [[1, 0], [1, 2]], "offset": [0, 1]})
    assert isinstance(law, Independent)
    np.testing.assert_allclose(law.mean, [2, 4])
    law = law_of({"elliptical": {"scale": gamma, "mean": [0, 1], "cov": [1, 2]}})
    assert isinstance(law, Elliptical) and law.second == pytest.approx(6.0) and law.cov.tolist() == [1, 2]
    law = law_of({"multivariate_t": {"loc": [0, 1], "shape": [[2, 1], [1, 2]], "df": 6}})
    assert isinstance(law, Elliptical) and law.second == pytest.approx(as_law(st.multivariate_t([0], [1], 6)).second)
    law = law_of({"mixture": [{"mean": [0, 0], "cov": 1}, {"points": [[3, 3]]}], "weights": [3, 1]})
    assert isinstance(law, Mixture) and law.weights.tolist() == [0.75, 0.25]
    assert [type(part) for part in law.laws] == [Gaussian, SumOfDiracs]
    law = law_of({"histogram": {"counts": [1, 3], "edges": [0, 1, 5]}})
    assert isinstance(law, Histogram) and law.masses.tolist() == [0.25, 0.75]
    law = law_of({"means": [[0], [1]], "covs": [1, 2], "weights": [1, 3]})
    assert isinstance(law, GaussianMixture) and law.weights.tolist() == [0.25, 0.75]
    assert isinstance(law_of(gamma), Univariate) and law_of({"family": "norm"}).ndim == 1
    assert law_of({"points": [[0], [1]]}).weights.tolist() == [0.5, 0.5]
    truncated = law_of({"family": "truncnorm", "a": 0, "b": float("inf")})
    assert truncated.mean == pytest.approx(np.sqrt(2 / np.pi))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ([1, 2], "^law must hold an object that describes a law, got"),
        ({}, "^law must have one of the entries family, independent, .*, got none"),
        ({"a": 2, "colour": 1}, "got a and colour"),
        ({"family": "cauchy"}, "family must be one of arcsine, .*, got 'cauchy'"),
        ({"family": "__class__"}, "family must be one of"),
        ({"family": ["gamma"]}, "family must be one of"),
        ({"family": "gamma"}, "^law: gamma must have the entries a and, if wanted, loc and scale: a missing"),
        ({"family": "gamma", "a": 2, "rate": 3}, "rate not known"),
        ({"family": "poisson", "mu": 2, "scale": 3}, "scale not known"),
        ({"family": "gamma", "a": "2"}, "a of gamma must be a number, got '2'"),
        ({"family": "gamma", "a": True}, "must be a number"),
        ({"family": "gamma", "a": 10**400}, "does not hold a law: .* too large"),
        ({"family": "gamma", "a": -1}, "^law does not hold a law: .* gamma does not take"),
        ({"family": "gamma", "a": 1, "scale": 0}, "does not hold a law"),
        ({"family": "norm", "scale": -1}, "does not hold a law"),
        ({"family": "t", "df": 2}, "does not hold a law: .*second moment"),
        ({"family": "poisson", "mu": -1}, "does not hold a law"),
        ({"points": [[0]], "means": [[0]], "covs": [1]}, "must describe one law, but has the entries points and means"),
        ({"points": [[0]], "weight": [1]}, "weight not known"),
        ({"covs": [1]}, "means missing"),
        ({"mean": [0, 0], "cov": -1}, "does not hold a law"),
        ({"elliptical": [1]}, "^law: elliptical must be an object with the entries scale, mean and cov"),
        ({"elliptical": {"scale": {"family": "expon"}, "mean": [0]}}, "^law: elliptical must have .*: cov missing"),
        ({"elliptical": {"scale": {"family": "norm"}, "mean": [0], "cov": 1}}, r"scale must be a law on \[0, ∞\)"),
        ({"elliptical": {"scale": {}, "mean": [0], "cov": 1}}, "^law: elliptical: scale must have one of"),
        ({"elliptical": {"scale": {"family": "expon"}, "mean": [0], "cov": 1}, "mean": [0]}, "must describe one law"),
        ({"independent": [{"family": "expon"}, {"family": "expo"}]}, r"^law: independent\[1\]: family must be one of"),
        ({"independent": {"family": "expon"}}, "laws must be a list"),
        ({"independent": []}, "one or more"),
        ({"independent": [{"family": "expon"}], "matrix": [1]}, "matrix must have shape"),
        ({"mixture": [{"family": "poisson", "mu": 2}]}, "give its atoms as SumOfDiracs"),
        ({"mixture": [{"family": "expon"}, {"mean": [0, 0], "cov": 1}]}, "of one dimension"),
        ({"multivariate_t": {"loc": [0], "shape": [[1]], "df": 2}}, "none"),
        ({"histogram": {"counts": [1, 2], "edges": [0, 1]}}, "edges"),
        ({"histogram": {"counts": ["a"], "edges": [0, 1]}}, "counts"),
    ],
)
def test_mistakes_are_named(described, message):
    with pytest.raises(ValueError, match=message):
        law_of(described)
