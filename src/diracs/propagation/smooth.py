"""Maps whose Jacobians are known to lie in sets: smooth ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, concrete, frozen, is_array
from diracs.propagation.metrics import JacobianSet, within

# From boxes (2, k, d), low and high corners, maybe infinite, to bounds (low, high) of Jacobians there, (k, m, d) each,
# or to matrices (k, K, m, d) whose hulls hold them.
JacobianOnBoxes = Callable[[np.ndarray], Any]


@dataclass(frozen=True, eq=False, init=False)
class Smooth:
    """A map x ↦ f(x) with the set that its Jacobian lies in.

    It need not be differentiable everywhere: f is to be Lipschitz, and f(x) − f(y) = J (x − y) with a J of the convex
    hull of the set, as for clamps and ReLU networks.

    Parameters
    ----------
    f : callable
        Takes points (n, d) of the framework, dtype and device of the initial law, returns their images (n, m).
    jacobian : callable, optional
        Takes boxes, float64 of shape (2, k, d): k low and k high corners, infinite for the whole space. Returns
        `(low, high)`, (k, m, d) each: matrices that the Jacobian on each box lies between, entry by entry; or an array
        (k, K, m, d): for each box K matrices whose convex hull holds the Jacobians there.
    jacobian_range : tuple of arrays (low, high), optional
        The same for the whole space, (m, d) each; or one array (2, m, d).
    jacobian_hull : array (K, m, d), optional
        Matrices whose convex hull holds all Jacobians. With one of these two, `jacobian` says more of single boxes.
        Without any of the three the set is made from the code of f, by interval arithmetic (`diracs.intervals`).
    continuous : bool
        A promise about this code: choices in it (`np.where`) do not jump. Else they have no bound.

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, numbers that are not finite, `low` above `high`, both a range and a hull.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import Gaussian, Smooth, propagate
    >>> pendulum = Smooth(lambda x: np.stack([x[:, 0] + 0.1 * x[:, 1], 0.9 * x[:, 1] - np.sin(x[:, 0])], axis=1))
    >>> found = propagate(Gaussian([0.5, 0.0], 0.01), pendulum, Gaussian([0.0, 0.0], 1e-4), 3, n=50)
    >>> f"{found.w2_bound[-1]:.2f}"
    '0.06'
    """

    f: Callable[[Array], Array]
    jacobian: JacobianOnBoxes | None
    jacobian_range: tuple[np.ndarray, np.ndarray] | None
    jacobian_hull: np.ndarray | None

    def __init__(
        self,
        f: Callable[[Array], Array],
        *,
        jacobian: JacobianOnBoxes | None = None,
        jacobian_range: Any = None,
        jacobian_hull: Any = None,
        continuous: bool = False,
    ) -> None:
        if not callable(f):
            raise TypeError(f"f must be callable, got {type(f).__name__}")
        if jacobian is not None and not callable(jacobian):
            raise TypeError(f"jacobian must be a function of boxes, got {type(jacobian).__name__}: see jacobian_range")
        if jacobian_range is not None and jacobian_hull is not None:
            raise ValueError("give jacobian_range or jacobian_hull, not both")
        bounds = None if jacobian_range is None else _interval("jacobian_range", jacobian_range, 2)
        hull = None
        if jacobian_hull is not None:
            hull = np.array(concrete(checks.floating("jacobian_hull", jacobian_hull, "numpy")), np.float64)
            if hull.ndim != 3 or not hull.size:
                raise ValueError(f"jacobian_hull must have shape (K, m, d), got {hull.shape}")
        if jacobian is None and bounds is None and hull is None:
            jacobian = _from_code(f, continuous)
        for array in (*(bounds or ()), hull):
            frozen(array)
        for name, value in zip(("f", "jacobian", "jacobian_range", "jacobian_hull"), (f, jacobian, bounds, hull)):
            object.__setattr__(self, name, value)

    def __call__(self, x: Array) -> Array:
        """Images (n, m) of points (n, d)."""
        return self.f(x)

    def everywhere(self, ndim: int) -> JacobianSet:
        """The set of all Jacobians, of points in this dimension.

        Raises
        ------
        ValueError
            If it is not bounded, or of another dimension.
        """
        if self.jacobian_hull is not None:
            found = JacobianSet.hull_of(self.jacobian_hull)
        elif self.jacobian_range is not None:
            found = JacobianSet.between(*self.jacobian_range)
        else:
            whole = np.broadcast_to(np.array([-np.inf, np.inf])[:, None, None], (2, 1, ndim))
            found = self.on_boxes(whole)[0]
            if not (np.isfinite(found.low).all() and np.isfinite(found.high).all()):
                raise ValueError(
                    "the Jacobian is not bounded on the whole space: errors have no bound where the law reaches"
                    " everywhere. Clamp f outside of what can be reached, write it with functions of known slopes"
                    " (scipy.special.expit(x), not 1 / (1 + exp(−x))), or give jacobian_range"
                )
        if found.low.shape[1] != ndim:
            raise ValueError(f"the Jacobian has {found.low.shape[1]} columns, but the law lies in dimension {ndim}")
        return found

    def on_boxes(self, boxes: np.ndarray) -> list[JacobianSet]:
        """The sets of the Jacobians on boxes (2, k, d)."""
        assert self.jacobian is not None
        given, count = self.jacobian(boxes), boxes.shape[1]
        name = "what jacobian returns"
        if is_array(given):
            hulls = np.array(concrete(given), np.float64)
            if hulls.ndim != 4 or len(hulls) != count or not np.isfinite(hulls).all():
                raise ValueError(f"{name} must be finite, of shape ({count}, K, m, d), got shape {hulls.shape}")
            return [self._of_shape(JacobianSet.hull_of(hull)) for hull in hulls]
        low, high = _interval(name, given, 3, finite=False)
        if len(low) != count:
            raise ValueError(f"{name} must be bounds for each of {count} boxes, got shape {low.shape}")
        return [self._of_shape(JacobianSet.between(a, b)) for a, b in zip(low, high)]

    def _of_shape(self, found: JacobianSet) -> JacobianSet:
        """The set, of matrices as those of the whole space."""
        known = self.jacobian_range[0] if self.jacobian_range is not None else None
        known = self.jacobian_hull[0] if self.jacobian_hull is not None else known
        if known is not None and known.shape != found.low.shape:
            raise ValueError(
                f"jacobian must return matrices of shape {known.shape}, as those of the whole space, got"
                f" {found.low.shape}"
            )
        return found

    def slopes(self, centers: Array, radii: Array) -> np.ndarray:
        """Norms (k,) that Jacobians on balls with centers (k, d) and radii (k,) do not exceed; of all for radius inf.

        With `propagate(…, smooth.f, …, lipschitz=smooth.slopes)` each cell has a constant of its own: of grids, and in
        the Euclidean norm, which may be less than the sets of a whole law say of strong contractions in their first
        steps. On the line `Smooth` does both.
        """
        at, far = (np.asarray(concrete(x), np.float64) for x in (centers, radii))
        whole = self.everywhere(at.shape[1])
        sets = self.on_boxes(np.stack([at - far[:, None], at + far[:, None]]))
        return np.array([within(found, whole).norm for found in sets])

    def __repr__(self) -> str:
        return f"Smooth({getattr(self.f, '__name__', type(self.f).__name__)})"


def _interval(name: str, bounds: Any, ndim: int, finite: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Low and high matrices, checked."""
    if is_array(bounds) and bounds.ndim == ndim + 1 and len(bounds) == 2:
        bounds = tuple(bounds)
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise TypeError(f"{name} must be a pair (low, high) of arrays, got {type(bounds).__name__}")
    low, high = (np.array(concrete(np.asarray(x) if isinstance(x, list) else x), np.float64) for x in bounds)
    if low.ndim != ndim or low.shape != high.shape or not low.size:
        raise ValueError(
            f"{name} must be two arrays of one shape {'(k, m, d)'[-3 * ndim :]}, got {low.shape} and {high.shape}"
        )
    if np.isnan(low).any() or np.isnan(high).any() or (low > high).any():
        raise ValueError(f"{name} must have low ≤ high everywhere, and no NaN")
    if finite and not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(f"{name} must be finite: errors have no bound else")
    return low, high


def _from_code(f: Callable[[Array], Array], continuous: bool) -> JacobianOnBoxes:
    """The Jacobian on boxes from the code of f."""
    # With all of SciPy's functions, which take longer to load than the rest.
    from diracs.intervals import jacobian_of

    bounds = jacobian_of(f, continuous=continuous)
    return lambda boxes: bounds(np.ascontiguousarray(boxes.transpose(1, 0, 2)))
