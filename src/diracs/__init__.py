"""diracs: replace a probability distribution by finitely many Diracs, and say with proof how good they are."""

from diracs.backend.threads import get_threads, set_threads
from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.scalar import ScalarCodebook
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, GaussianMixture, SumOfGaussians
from diracs.laws.independent import Independent
from diracs.laws.mesh import Mesh
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.regions import Ball, Complement, HalfSpace, Polytope
from diracs.mixtures.fit import MixtureFit, fit_mixture
from diracs.mixtures.reduction import reduce_mixture
from diracs.propagation import Affine, Limit, PiecewiseAffine, Smooth, Trajectory, propagate
from diracs.propagation.costs import quadratic_cost_bounds, worst_case_max
from diracs.propagation.horizon import Horizon, reach_avoid, stays_in
from diracs.propagation.questions import probability_bounds, quantile_bounds
from diracs.propagation.samples import sample_radius
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.expectation import Certified, expectation, probability, worst_case
from diracs.quantization.front import quantize
from diracs.quantization.recertification import Recertified, recertify
from diracs.quantization.summary import Summary
from diracs.schemes.generate import generate_scheme
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.points import PointScheme
from diracs.schemes.product import ProductScheme
from diracs.transport.barycenter import barycenter
from diracs.transport.convergence import ConvergenceWarning, MassesNotMet
from diracs.transport.distance import distance
from diracs.transport.jacobian import OtJacobian
from diracs.transport.lloyd import lloyd
from diracs.transport.plan import OtPlan, optimal_transport_plan
from diracs.transport.power_diagram import PowerDiagram
from diracs.verification.enclosure import Enclosure
from diracs.verification.front import verify

__version__ = "0.1.0"
__all__ = [
    "Affine",
    "Ball",
    "Certified",
    "Complement",
    "ConvergenceWarning",
    "CrossCodebook",
    "Elliptical",
    "Enclosure",
    "Gaussian",
    "GaussianMixture",
    "HalfSpace",
    "Horizon",
    "Independent",
    "LayeredScheme",
    "Limit",
    "MassesNotMet",
    "Mesh",
    "Mixture",
    "MixtureFit",
    "OtJacobian",
    "OtPlan",
    "PiecewiseAffine",
    "PointScheme",
    "PolynomialGrid",
    "Polytope",
    "PowerDiagram",
    "ProductScheme",
    "Quantization",
    "Recertified",
    "ScalarCodebook",
    "Smooth",
    "SumOfDiracs",
    "SumOfGaussians",
    "Summary",
    "Trajectory",
    "barycenter",
    "discretize",
    "distance",
    "expectation",
    "fit_mixture",
    "generate_scheme",
    "get_threads",
    "lloyd",
    "optimal_transport_plan",
    "probability",
    "probability_bounds",
    "propagate",
    "quadratic_cost_bounds",
    "quantile_bounds",
    "quantize",
    "reach_avoid",
    "recertify",
    "reduce_mixture",
    "sample_radius",
    "set_threads",
    "stays_in",
    "verify",
    "worst_case",
    "worst_case_max",
]
