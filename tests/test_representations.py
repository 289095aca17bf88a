"""What an interpreter shows of every public object: a line with its sizes and certificate, never its arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import diracs
from diracs import Affine, Ball, Gaussian, GaussianMixture, HalfSpace, PolynomialGrid, Polytope, SumOfDiracs

RNG = np.random.default_rng(0)
LAW = GaussianMixture(RNG.normal(size=(30, 2)), np.ones(30))
IMAGE = PolynomialGrid(RNG.random((20, 20)))
Q = diracs.quantize(LAW, 40, scheme="grid")
PLAN = diracs.optimal_transport_plan(SumOfDiracs(RNG.random((40, 2))), IMAGE)
WALK = diracs.propagate(Gaussian([1.0, 0.0], 0.1), Affine([[0.5, 0.1], [0.0, 0.5]]), Gaussian([0.0, 0.0], 0.75), 30)
BOX = Polytope.box([-9.0, -9.0], [9.0, 9.0])
LOW, HIGH = ([[1.0]], [0.0]), ([[-1.0]], [0.0])

OBJECTS = {
    "Affine": Affine(np.eye(9)),
    "Ball": Ball(np.zeros(9), 1.0),
    "Certified": diracs.probability(Q, BOX),
    "Complement": diracs.Complement(Ball(np.zeros(2), 1.0)),
    "CrossCodebook": diracs.CrossCodebook(np.arange(1.0, 30.0), 2),
    "Elliptical": diracs.Elliptical(scipy.stats.uniform(), np.zeros(20), 1.0),
    "Facets": PLAN.power_diagram.facets,
    "Enclosure": diracs.Enclosure(0.15144983626436023, 0.15144983626436026, 0.15144983626437603, True),
    "Gaussian": Gaussian(np.zeros(50), 1.0),
    "GaussianMixture": LAW,
    "HalfSpace": HalfSpace(np.ones(20), 1.0),
    "Horizon": WALK.stays_in(BOX),
    "Independent": diracs.Independent([scipy.stats.gamma(2)] * 30),
    "LayeredScheme": diracs.generate_scheme(LAW, 40),
    "Limit": WALK.limit(),
    "Mesh": diracs.Mesh(RNG.random((3, 2)), [[0, 1, 2]]),
    "Mixture": diracs.Mixture([LAW, IMAGE]),
    "MixtureFit": diracs.fit_mixture(RNG.random((30, 2)), 1),
    "OtJacobian": PLAN.jacobian(),
    "OtPlan": PLAN,
    "PiecewiseAffine": diracs.PiecewiseAffine([LOW, HIGH], [[[1.0]], [[0.5]]], [[0.0], [0.0]]),
    "PointScheme": diracs.PointScheme(RNG.random((40, 2))),
    "PolynomialGrid": IMAGE,
    "Polytope": BOX,
    "PowerDiagram": PLAN.power_diagram,
    "ProductScheme": diracs.ProductScheme([diracs.ScalarCodebook(np.arange(30.0))]),
    "Quantization": Q,
    "Recertified": diracs.recertify(LAW, Q),
    "ScalarCodebook": diracs.ScalarCodebook(np.arange(30.0)),
    "Smooth": diracs.Smooth(np.sin),
    "SumOfDiracs": SumOfDiracs(RNG.random((40, 2))),
    "Summary": diracs.Summary(10, 2).update(RNG.random((40, 2))),
    "Trajectory": WALK,
}


def test_no_public_class_is_missing():
    classes = {name for name in diracs.__all__ if isinstance(getattr(diracs, name), type)}
    others = {"ConvergenceWarning", "MassesNotMet", "SumOfGaussians", "set_threads"}
    assert classes - others <= set(OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_one_line_without_arrays(name):
    text = repr(OBJECTS[name])
    assert text.startswith(name + "(") and text.endswith(")")
    assert len(text) <= 120 and "\n" not in text and "array(" not in text


def test_certificates_stand_in_the_line_rounded_to_the_safe_side():
    loose = diracs.quantize(GaussianMixture(RNG.normal(size=(3, 4)), np.ones(3)), 20)
    text = repr(loose)
    assert not loose.exact and text.startswith("Quantization(20 points in dimension 4, W₂ ≤ ")
    shown = float(text.rstrip(")").split("≤ ")[1])
    assert loose.w2 <= shown <= 1.00001 * loose.w2
    known = diracs.quantize(Gaussian(0.0, 1.0), 10)
    assert known.w2_lower > 0
    assert float(repr(known).rstrip(")").split("below ")[1]) <= known.w2_lower
    batch = GaussianMixture(np.zeros((2, 1, 2)), [[1.0], [4.0]])
    assert "batch (2,), W₂" in repr(diracs.quantize(batch, 3)) and " … " in repr(diracs.quantize(batch, 3))
    last = float(repr(WALK).rstrip(")").split("… ")[1])
    assert WALK.w2_bound[-1] <= last <= 1.01 * WALK.w2_bound[-1]
    low, high = (float(part.split("=")[1].rstrip(")")) for part in repr(OBJECTS["Certified"]).split(", ")[1:])
    assert low <= OBJECTS["Certified"].low and high >= OBJECTS["Certified"].high
