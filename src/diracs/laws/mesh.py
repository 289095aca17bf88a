"""Densities on meshes of triangles or tetrahedra: constant or linear on each."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    common_framework,
    concrete,
    framework,
    frozen,
    is_traced,
    nan_unless,
    pytree,
    to_framework,
)
from diracs.laws.mesh_files import Filename, read, taken
from diracs.laws.shown import Drawn
from diracs.laws.simplices import Simplices
from diracs.typing import Per


@pytree
class Mesh(Drawn):
    """A density on triangles of the plane, or tetrahedra of space: constant or linear on each, normalized to mass 1.

    Parameters
    ----------
    vertices : array (v, d)
        d = 2 or 3.
    simplices : array (s, d + 1) of int
        Numbers of the vertices of each triangle or tetrahedron, in any order. They may make up any shape, with holes
        and in several parts. Flat ones are allowed and hold nothing.
    values : array (s,) or (v,), optional
        Non-negative: the density on each simplex, or at each vertex and linear between these. Equal ones by default.
    per : {"simplex", "vertex"}, optional
        What the values belong to, where there are as many simplices as vertices.

    Attributes
    ----------
    vertices : array (v, d), NumPy float64
    simplices : array (s, d + 1), NumPy int64
    values : array (s,) or (v,)
        The density, normalized.
    per : {"simplex", "vertex"}

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, numbers that no vertex has, NaN, negative values, a density that is zero everywhere, vertices
        that are traced or require gradients (there are derivatives in values only); for simplices that overlap, where a
        facet says so: two on one side of it.

    Notes
    -----
    Simplices that overlap without having a facet in common are not noticed: their densities add up.

    Examples
    --------
    >>> from diracs import Mesh
    >>> square = Mesh([[0, 0], [1, 0], [1, 1], [0, 1]], [[0, 1, 2], [0, 2, 3]], [1.0, 3.0])
    >>> square
    Mesh(2 triangles, 4 vertices, constant on each)
    >>> square.values
    array([0.5, 1.5])
    """

    values: Array
    per: Per
    _simplices: Simplices

    _leaves = ("values",)
    _static = ("_simplices", "per")

    def __init__(self, vertices: Any, simplices: Any, values: Any = None, *, per: Per | None = None) -> None:
        kind = common_framework(vertices=vertices) if values is None else common_framework(values=values)
        self._simplices = where = _checked(vertices, simplices)
        v, s = len(where.vertices), len(where.simplices)
        if per is not None:
            checks.choice("per", per, Per)
        if values is None:
            self.per = per or "simplex"
            like = None if framework(vertices) == "numpy" else vertices
            given = to_framework(np.ones(s if self.per == "simplex" else v), kind, like)
        else:
            given = checks.floating("values", values, kind)
            self.per = _belongs_to(tuple(given.shape), v, s, per)
        shares = np.abs(where.unit_volumes) if self.per == "simplex" else where.unit_shares
        if is_traced(given):
            given = nan_unless(given >= 0, given)
        else:
            numbers = concrete(given)
            if (numbers < 0).any():
                raise ValueError(f"values must not be negative, smallest is {numbers.min():g}")
            if not (numbers[shares > 0] > 0).any():
                raise ValueError("values must not be zero wherever simplices have a volume")
            # Divide by the maximum first: sums of values near 1e308 would overflow.
            given = given / to_framework(np.asarray(numbers.max()), kind, given)
        total = (given * to_framework(shares, kind, given)).sum()
        self.values = frozen(given / total / where.size**where.ndim)
        if kind == "torch":
            # Known before PyTorch's compiler looks.
            assert where.numbers

    @classmethod
    def from_file(cls, path: Filename, values: str | None = None) -> Mesh:
        """The mesh of a file in any format that meshio reads: .msh, .vtu, .vtk, .xdmf, .stl, .ply, .off, …

        Parameters
        ----------
        path : str or path
        values : str, optional
            The name of data on cells or points of the file; uniform by default.

        Raises
        ------
        ImportError
            Without meshio: pip install 'diracs[mesh]'.
        ValueError
            See `from_meshio`.
        """
        return cls.from_meshio(read(path), values)

    @classmethod
    def from_meshio(cls, mesh: Any, values: str | None = None) -> Mesh:
        """The tetrahedra of a meshio.Mesh, or if it has none its triangles, which must lie in a plane z = constant.

        Parameters
        ----------
        mesh : meshio.Mesh, or what has its `points`, `cells`, `cell_data` and `point_data`
        values : str, optional
            The name of data on cells or points; uniform by default.

        Raises
        ------
        ValueError
            Without triangles and tetrahedra, for surfaces that are curved or tilted, unknown names.
        """
        vertices, simplices, held, per = taken(mesh, values)
        return cls(vertices, simplices, held, per=per)

    @property
    def vertices(self) -> np.ndarray:
        """The vertices (v, d), read-only."""
        return self._simplices.vertices

    @property
    def simplices(self) -> np.ndarray:
        """Numbers (s, d + 1) of the vertices of each, read-only."""
        return self._simplices.simplices

    @property
    def densities(self) -> np.ndarray:
        """The density (s, d + 1) at the corners of each simplex, NumPy float64."""
        return self._simplices.at_corners(concrete(self.values), self.per == "vertex")

    @property
    def domain(self) -> np.ndarray:
        """The box (2, d) of all simplices, NumPy float64."""
        return self._simplices.box

    @property
    def volumes(self) -> np.ndarray:
        """Areas or volumes (s,) of the simplices, NumPy float64."""
        return self._simplices.volumes

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self._simplices.ndim

    def __repr__(self) -> str:
        v, s = len(self.vertices), len(self.simplices)
        kind = {2: "triangle", 3: "tetrahedron"}[self.ndim] if s == 1 else {2: "triangles", 3: "tetrahedra"}[self.ndim]
        return f"Mesh({s} {kind}, {v} vertices, {'constant' if self.per == 'simplex' else 'linear'} on each)"


def _checked(vertices: Any, simplices: Any) -> Simplices:
    """Vertices and simplices, float64 and int64, looked at."""
    x = checks.floating("vertices", vertices, framework(vertices))
    if is_traced(x):
        raise TypeError("vertices must be known: there are no derivatives in them, and no jax.jit over them")
    if getattr(vertices, "requires_grad", False):
        raise ValueError("vertices must not require gradients, there are derivatives in values only: detach them")
    if x.ndim != 2 or x.shape[1] not in (2, 3):
        raise ValueError(f"vertices must have shape (v, 2) or (v, 3), got {tuple(x.shape)}")
    points = np.array(concrete(x), dtype=np.float64)
    given = np.asarray(simplices.detach().cpu() if framework(simplices) == "torch" else simplices)
    d = points.shape[1]
    if given.dtype.kind not in "iu":
        raise TypeError(f"simplices must be integers, numbers of vertices, got dtype {given.dtype}")
    if given.ndim != 2 or given.shape[1] != d + 1 or not len(given):
        kind = {2: "triangles", 3: "tetrahedra"}[d]
        raise ValueError(
            f"simplices must have shape (s, {d + 1}), {kind} of vertices in dimension {d}, got {given.shape}"
        )
    if given.min() < 0 or int(given.max()) >= len(points):
        raise ValueError(
            f"simplices must number vertices from 0 to {len(points) - 1}, got numbers from {given.min()} to"
            f" {given.max()}"
        )
    if len(points) >= 2**31:
        raise ValueError(f"vertices must be fewer than 2³¹, got {len(points)}")
    where = Simplices(points, given.astype(np.int64))
    if not 1e-290 < where.size**d < 1e290:
        raise ValueError(f"vertices must span a box of volume between 1e-290 and 1e290, got {where.box.tolist()}")
    if not np.abs(where.unit_volumes).any():
        raise ValueError("simplices must not all be flat")
    both = where.overlapping()
    if both is not None:
        raise ValueError(f"simplices must not overlap, but {both[0]} and {both[1]} lie on one side of a common facet")
    return where


def _belongs_to(shape: tuple[int, ...], v: int, s: int, per: Per | None) -> Per:
    """What values of this shape belong to."""
    if per is None:
        if shape == (v,) == (s,):
            raise ValueError(
                f"values of shape {shape} may belong to simplices or to vertices, of which there are as many: say"
                " per='simplex' or per='vertex'"
            )
        if shape not in ((s,), (v,)):
            raise ValueError(f"values must have shape ({s},), one per simplex, or ({v},), one per vertex, got {shape}")
        return "simplex" if shape == (s,) else "vertex"
    expected = s if per == "simplex" else v
    if shape != (expected,):
        raise ValueError(f"values must have shape ({expected},), one per {per}, got {shape}")
    return per
