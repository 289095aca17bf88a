"""diracs: replace a probability distribution by finitely many Diracs, and say with proof how good they are."""

from diracs.cells.power_diagram import PowerDiagram
from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.scalar import ScalarCodebook
from diracs.discretization import Quantization, discretize
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.gaussian import Gaussian, GaussianMixture, SumOfGaussians
from diracs.distributions.grid import PolynomialGrid
from diracs.expectation import Ball, HalfSpace, expectation, probability, worst_case
from diracs.propagation import Affine, Limit, Trajectory, propagate
from diracs.quantization import quantize
from diracs.recertification import recertify
from diracs.reduction import reduce_mixture
from diracs.schemes.generate import generate_scheme
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.points import PointScheme
from diracs.schemes.product import ProductScheme
from diracs.transport.autodiff import distance
from diracs.transport.fit import MixtureFit, fit_mixture
from diracs.transport.lloyd import lloyd
from diracs.transport.plan import ConvergenceWarning, OtPlan, optimal_transport_plan

__version__ = "0.1.0"
__all__ = [
    "Affine",
    "Ball",
    "ConvergenceWarning",
    "CrossCodebook",
    "Gaussian",
    "GaussianMixture",
    "HalfSpace",
    "LayeredScheme",
    "Limit",
    "MixtureFit",
    "OtPlan",
    "PointScheme",
    "PolynomialGrid",
    "PowerDiagram",
    "ProductScheme",
    "Quantization",
    "ScalarCodebook",
    "SumOfDiracs",
    "SumOfGaussians",
    "Trajectory",
    "discretize",
    "distance",
    "expectation",
    "fit_mixture",
    "generate_scheme",
    "lloyd",
    "optimal_transport_plan",
    "probability",
    "propagate",
    "quantize",
    "recertify",
    "reduce_mixture",
    "worst_case",
]
