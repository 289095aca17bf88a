"""What is said where the masses of a plan are not those asked for."""

from __future__ import annotations


class ConvergenceWarning(UserWarning):
    """The masses of a plan are not those asked for."""


class MassesNotMet(RuntimeError):
    """The masses of a plan are not those asked for, and a check was: `optimal_transport_plan(..., check=True)`.

    Attributes
    ----------
    plan : OtPlan
        What was reached, with its masses `cell_masses`.
    """

    def __init__(self, message: str, plan: object) -> None:
        super().__init__(message)
        self.plan = plan
