"""diracs: replace a probability distribution by finitely many Diracs, and say with proof how good they are."""

from diracs.cells.power_diagram import PowerDiagram
from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.scalar import ScalarCodebook
from diracs.discretization import Quantization, discretize
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.gaussian import Gaussian, GaussianMixture, SumOfGaussians
from diracs.distributions.grid import PolynomialGrid
from diracs.quantization import quantize
from diracs.schemes.generate import generate_scheme
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme
from diracs.transport.autodiff import distance
from diracs.transport.lloyd import lloyd
from diracs.transport.plan import ConvergenceWarning, OtPlan, optimal_transport_plan

__version__ = "0.1.0"
__all__ = [
    "ConvergenceWarning",
    "CrossCodebook",
    "Gaussian",
    "GaussianMixture",
    "LayeredScheme",
    "OtPlan",
    "PolynomialGrid",
    "PowerDiagram",
    "ProductScheme",
    "Quantization",
    "ScalarCodebook",
    "SumOfDiracs",
    "SumOfGaussians",
    "discretize",
    "distance",
    "generate_scheme",
    "lloyd",
    "optimal_transport_plan",
    "quantize",
]
