"""diracs: replace a probability distribution by finitely many Diracs, and say with proof how good they are."""

from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.scalar import ScalarCodebook
from diracs.discretization import Quantization, discretize
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.gaussian import Gaussian, GaussianMixture, SumOfGaussians
from diracs.quantization import quantize
from diracs.schemes.generate import generate_scheme
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme

__version__ = "0.1.0"
__all__ = [
    "CrossCodebook",
    "Gaussian",
    "GaussianMixture",
    "LayeredScheme",
    "ProductScheme",
    "Quantization",
    "ScalarCodebook",
    "SumOfDiracs",
    "SumOfGaussians",
    "discretize",
    "generate_scheme",
    "quantize",
]
