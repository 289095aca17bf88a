"""Uncertainty propagation: laws pushed through dynamics as Gaussian mixtures, with certified errors."""

from diracs.propagation.chain import propagate
from diracs.propagation.dynamics import Affine
from diracs.propagation.piecewise import PiecewiseAffine
from diracs.propagation.smooth import Smooth
from diracs.propagation.trajectory import Limit, Trajectory

__all__ = ["Affine", "Limit", "PiecewiseAffine", "Smooth", "Trajectory", "propagate"]
