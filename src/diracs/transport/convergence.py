"""What is said where the masses of a plan are not those asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracs.transport.plan import OtPlan


class ConvergenceWarning(UserWarning):
    """The masses of a plan are not those asked for.

    Examples
    --------
    >>> import warnings
    >>> from diracs import ConvergenceWarning, PolynomialGrid, SumOfDiracs, distance
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", ConvergenceWarning)
    ...     _ = distance(SumOfDiracs([[0.0], [0.5], [1.0]], [1, 1e-17, 1]), PolynomialGrid([1.0]))
    >>> [warning.category.__name__ for warning in caught]
    ['ConvergenceWarning']
    """


class MassesNotMet(RuntimeError):
    """The masses of a plan are not those asked for, and a check was: `optimal_transport_plan(..., check=True)`.

    Attributes
    ----------
    plan : OtPlan
        What was reached, with its masses `cell_masses`.

    Examples
    --------
    >>> from diracs import MassesNotMet, PolynomialGrid, SumOfDiracs, optimal_transport_plan
    >>> try:
    ...     optimal_transport_plan(SumOfDiracs([[0.0], [0.5], [1.0]], [1, 1e-17, 1]), PolynomialGrid([1.0]), check=True)
    ... except MassesNotMet as error:
    ...     print(error.plan.converged)
    False
    """

    plan: OtPlan | None

    # Copies and pickles are made of the message alone, and get the plan afterwards.
    def __init__(self, message: str, plan: OtPlan | None = None) -> None:
        super().__init__(message)
        self.plan = plan
