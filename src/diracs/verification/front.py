"""The front door of verification."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import concrete, is_traced
from diracs.backend.progress import reporting
from diracs.quantization.discretization import Quantization
from diracs.typing import Progress
from diracs.verification.enclosure import Enclosure


def verify(
    quantization: Quantization, *, digits: int = 15, cells: int = 200_000, progress: Progress = False
) -> Enclosure:
    """Prove bounds on W₂ between a quantization's law and its Diracs in ball arithmetic, and judge its certificate.

    Nothing that was computed before is believed: the law, the Diracs and their masses are the doubles that they are,
    and the scheme only says which coupling to look at. docs/verification.md says what is proved and what is trusted.

    Parameters
    ----------
    quantization : Quantization
        Of a law on the line that is a Gaussian mixture, a univariate law with partial moments in closed form, a point
        cloud, an image, a histogram or a mixture of these; or, in any dimension, a Gaussian mixture, a point cloud, an
        image, a histogram, an `Independent`, or a mixture of these.
    digits : int
        Correct digits of `high` where the coupling has a closed form: on the line, for point clouds, and for product
        schemes. Balls are as fine as that takes; borders of cells on the line stay doubles.
    cells : int
        Boxes that other laws are cut into at most; with 200 000 points of the plane come within about 10⁻⁴. Images
        in the plane have exact cells instead, if the Diracs cut their pixels into at most half as many pieces.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

    Returns
    -------
    Enclosure
        low ≤ W₂ ≤ high, rounded outward.

    Raises
    ------
    TypeError
        For what is no quantization, laws that are not known here, tori.
    ValueError
        For batches, and for numbers of digits and cells that are none.
    ImportError
        Without python-flint.

    Notes
    -----
    On the line, and for images in the plane, `high` and `low` enclose W₂ itself. Elsewhere `low` is the distance to the
    nearest Dirac, or more, by the dual of transport, (E min|X − y|²)^½, which no masses can undercut, and `high` the
    cost of a coupling.

    Examples
    --------
    >>> from diracs import Gaussian, quantize, verify
    >>> proved = verify(quantize(Gaussian(0.0, 1.0), 10))
    >>> proved.verdict, f"{proved.low:.12f} {proved.high:.12f}"
    ('verified', '0.151449836264 0.151449836264')
    """
    if not isinstance(quantization, Quantization):
        raise TypeError(
            f"quantization must be a Quantization, as quantize and Quantization.load return, got"
            f" {type(quantization).__name__}"
        )
    digits, cells = checks.count("digits", digits), checks.count("cells", cells)
    if any(is_traced(x) for x in (quantization.positions, quantization.weights, quantization.w2)):
        raise TypeError("quantization must hold numbers, not traced values: verify it outside of jit and grad")
    positions, masses, recorded = (
        np.asarray(concrete(x), dtype=np.float64)
        for x in (quantization.positions, quantization.weights, quantization.w2)
    )
    if positions.ndim != 2:
        raise ValueError(
            f"quantization must be a single one, got a batch of shape {positions.shape[:-2]}: verify its members one by"
            " one"
        )
    if not (np.isfinite(positions).all() and np.isfinite(masses).all() and (masses >= 0).all() and masses.any()):
        raise ValueError(
            "quantization must have finite positions, and masses that are finite, not negative, not all zero"
        )
    try:
        from diracs.verification.bounds import bounds
    except ModuleNotFoundError as error:
        if error.name != "flint":
            raise
        raise ImportError("verify needs python-flint: pip install 'diracs[verify]'") from None
    law: Any = quantization.distribution
    with reporting(progress):
        found = bounds(law, quantization.scheme, positions, masses, digits, cells)
    return Enclosure(max(found.low, 0.0), found.high, float(recorded), found.closed)
