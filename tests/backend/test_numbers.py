"""What is taken for numbers, alike at every door, and what is refused with the cure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from optional import optional

from diracs import (
    Affine,
    Ball,
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    PointScheme,
    PolynomialGrid,
    PowerDiagram,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    fit_mixture,
    lloyd,
)
from diracs.backend.numbers import real_numbers

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64

SQUARE = np.array([[0.0, 0.0], [1.0, 0.5], [0.25, 1.0], [0.75, 0.25]])
IMAGE = PolynomialGrid(np.ones((4, 4)))
# Every door that takes numbers: the argument's name, a good value, and what is made of it.
DOORS = {
    "means": (SQUARE, lambda x: GaussianMixture(x, np.ones(4))),
    "covs": (np.ones((4, 2)), lambda x: GaussianMixture(SQUARE, x)),
    "weights": (np.ones(4), lambda x: GaussianMixture(SQUARE, np.ones(4), x)),
    "mean": (SQUARE[1], lambda x: Gaussian(x, 1.0)),
    "cov": (np.eye(2), lambda x: Gaussian([0.0, 0.0], x)),
    "positions": (SQUARE, SumOfDiracs),
    "weights of Diracs": (np.ones(4), lambda x: SumOfDiracs(SQUARE, x)),
    "values": (SQUARE + 1.0, PolynomialGrid),
    "domain": (np.array([[0.0, 0.0], [1.0, 2.0]]), lambda x: PolynomialGrid(np.ones((2, 2)), x)),
    "levels": (np.arange(3.0), ScalarCodebook),
    "radii": (np.arange(1.0, 3.0), lambda x: CrossCodebook(x, 2)),
    "frame": (np.eye(2), lambda x: ProductScheme([ScalarCodebook([0.0])], frame=x)),
    "offset": (np.zeros(2), lambda x: ProductScheme([], offset=x)),
    "scales": (np.ones(1), lambda x: ProductScheme([ScalarCodebook([0.0])], scales=x)),
    "points": (SQUARE, PointScheme),
    "A": (np.eye(2), Affine),
    "b": (np.ones(2), lambda x: Affine(np.eye(2), x)),
    "normal": (np.ones(2), lambda x: HalfSpace(x, 0.0)),
    "offset of a half-space": (np.ones(()), lambda x: HalfSpace([1.0], x)),
    "center": (np.ones(2), lambda x: Ball(x, 1.0)),
    "radius": (np.ones(()), lambda x: Ball([0.0], x)),
    "positions of cells": (SQUARE, PowerDiagram),
    "weights of cells": (np.zeros(4), lambda x: PowerDiagram(SQUARE, x)),
    "domain of cells": (np.array([[0.0, 0.0], [1.0, 2.0]]), lambda x: PowerDiagram(SQUARE, None, x)),
    "points of a fit": (SQUARE, lambda x: fit_mixture(x, 1, starts=1)),
    "n_or_positions": (SQUARE, lambda x: lloyd(IMAGE, x, iterations=1)),
}
HALF = {
    "numpy": lambda x: x.astype(np.float16),
    "torch half": lambda x: torch.tensor(x, dtype=torch.float16),
    "torch bfloat16": lambda x: torch.tensor(x, dtype=torch.bfloat16),
    "torch float8": lambda x: torch.tensor(x, dtype=torch.float64).to(torch.float8_e5m2),
    "jax half": lambda x: jnp.asarray(x.astype(np.float16)),
}


def named(door: str) -> str:
    return door.split(" of ")[0]


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize("door", DOORS)
def test_half_precision_is_refused_at_every_door(door, half):
    good, make = DOORS[door]
    with pytest.raises(TypeError, match=f"^{named(door)} must.*float.*convert it to float32 or float64"):
        make(HALF[half](good))


def test_brain_floats_of_jax_are_refused():
    with pytest.raises(TypeError, match=r"^positions must.*float.*convert it to float32 or float64"):
        SumOfDiracs(jnp.asarray(SQUARE, dtype=jnp.bfloat16))


@pytest.mark.parametrize("door", DOORS)
def test_both_precisions_and_whole_numbers_pass_every_door(door):
    good, make = DOORS[door]
    for dtype in (np.float32, np.float64, ">f8", np.int64, np.uint8):
        make(np.asarray(good, dtype=dtype))


@pytest.mark.parametrize("door", DOORS)
def test_other_dtypes_are_refused_at_every_door(door):
    good, make = DOORS[door]
    wrong = [good.astype(t) for t in (np.longdouble, complex, str, bytes, "m8[s]", "M8[s]")]
    wrong += [torch.tensor(good, dtype=torch.complex64), jnp.asarray(good.astype(np.complex64))]
    if named(door) != "values":
        wrong += [good > 2.0, torch.tensor(good > 2.0), (good > 2.0).tolist()]
    for x in wrong:
        with pytest.raises((TypeError, ValueError), match=f"^{named(door)} must be an array of real numbers"):
            make(x)


@pytest.mark.parametrize("door", DOORS)
def test_masks_and_missing_values_are_refused_at_every_door(door):
    good, make = DOORS[door]
    if not good.ndim:
        return
    mask = np.zeros(good.shape, dtype=bool)
    make(np.ma.masked_array(good, mask))
    mask.flat[0] = True
    masked = np.ma.masked_array(good, mask)
    for x in (masked, [*masked] if good.ndim > 1 else [*masked.tolist()]):
        with pytest.raises((TypeError, ValueError), match=f"^{named(door)} "):
            make(x)
    with pytest.raises(ValueError, match=f"^{named(door)} has 1 masked entries: .*filled"):
        make(masked)


def test_a_mask_of_truths_is_an_image():
    mask = np.array([[True, False], [True, True]])
    for x in (mask, torch.tensor(mask), jnp.asarray(mask), mask.tolist()):
        np.testing.assert_allclose(PolynomialGrid(x).values, 4 / 3 * mask, rtol=1e-6)


def test_python_numbers_of_any_kind_are_rounded_to_double():
    assert SumOfDiracs([[10**20, Fraction(1, 3)]]).positions.tolist() == [[1e20, 1 / 3]]
    for item in (None, "1", object(), 1j, b"1"):
        with pytest.raises(TypeError, match=r"^positions must be an array of real numbers"):
            SumOfDiracs([[item, 1.0]])
    with pytest.raises((TypeError, ValueError), match=r"^positions must be an array of real numbers"):
        SumOfDiracs([[10**400]])


class Table:
    """A stand-in for pandas' tables with nullable types."""

    def __init__(self, values, missing, dtypes):
        self.values, self.missing, self.dtypes, self.shape = values, missing, dtypes, values.shape

    def isna(self):
        return self.missing

    def to_numpy(self):
        return self.values


def test_tables_say_what_is_missing():
    none, some = np.zeros((2, 2), dtype=bool), np.eye(2, dtype=bool)
    whole = Table(np.array([[0, 1], [2, 0.5]], dtype=object), none, ["Int64", "Float64"])
    assert SumOfDiracs(whole).positions.tolist() == [[0.0, 1.0], [2.0, 0.5]]
    assert len(lloyd(IMAGE, whole, iterations=1)) == 2
    with pytest.raises(ValueError, match=r"positions has 2 missing values.*dropna"):
        SumOfDiracs(Table(whole.values, some, ["Int64", "Float64"]))
    with pytest.raises(TypeError, match=r"positions.*half precision"):
        SumOfDiracs(Table(np.zeros((2, 2)), none, ["float16", "float64"]))


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [0.25, 0.75], "y": pandas.array([0, 1], dtype="Int64")})
    assert SumOfDiracs(frame).positions.tolist() == [[0.25, 0.0], [0.75, 1.0]]
    assert SumOfDiracs(frame, frame["x"]).weights.tolist() == [0.25, 0.75]
    assert len(lloyd(IMAGE, frame, iterations=1)) == 2
    assert len(fit_mixture(frame, 1, starts=1).points) == 2
    for kind in ("Int64", "Float64"):
        gaps = pandas.DataFrame({"x": pandas.array([1, None], dtype=kind), "y": [0.0, 1.0]})
        with pytest.raises(ValueError, match=r"positions has 1 missing values.*dropna"):
            SumOfDiracs(gaps)
        with pytest.raises(ValueError, match="n_or_positions has 1 missing"):
            lloyd(IMAGE, gaps)
        with pytest.raises(ValueError, match="weights has 1 missing"):
            SumOfDiracs(SQUARE[:2], gaps["x"])
    with pytest.raises((TypeError, ValueError), match=r"^positions "):
        SumOfDiracs([[pandas.NA, 1.0]])


class Quantity(np.ndarray):
    """A stand-in for arrays with units."""

    unit = "km"


class Picture(np.ndarray):
    """A stand-in for arrays of image readers, with attributes that matter to nobody here."""

    meta = {"author": "x"}


class Sparse:
    def toarray(self):
        return np.eye(2)


def test_units_and_sparse_arrays_are_not_dropped_in_silence():
    with pytest.raises(TypeError, match="positions has units"):
        SumOfDiracs(SQUARE.view(Quantity))
    with pytest.raises(TypeError, match=r"values must be dense.*toarray"):
        PolynomialGrid(Sparse())
    with pytest.raises(TypeError, match=r"values must be dense.*to_dense"):
        PolynomialGrid(torch.eye(2).to_sparse())
    held = PolynomialGrid(SQUARE.view(Picture)).values
    assert type(held) is np.ndarray


@pytest.mark.parametrize("stack", [torch.stack, jnp.stack], ids=["torch", "jax"])
def test_lists_of_tensors_are_to_be_stacked(stack):
    rows = [torch.zeros(2), torch.ones(2)] if stack is torch.stack else [jnp.asarray(x) for x in np.eye(2)]
    with pytest.raises(TypeError, match=r"^means must be one array.*(torch|jax\.numpy)\.stack"):
        GaussianMixture(rows, [1.0, 1.0])
    assert GaussianMixture(stack(rows), [1.0, 1.0]).n_components == 2
    with pytest.raises(TypeError, match="stack"):
        jax.jit(lambda x: SumOfDiracs([[x, 1.0]]).positions)(0.0)


def test_numbers_take_framework_dtype_and_device_of_the_tensors_beside_them():
    law = GaussianMixture(torch.zeros(1, 2, dtype=torch.float64), [0.7])
    assert law.covs.dtype == torch.float64
    assert float(law.covs[0]) == 0.7
    law = GaussianMixture([[0.0], [1.0]], torch.ones(2, dtype=torch.float64), [0.3, 0.7])
    assert law.means.dtype == law.weights.dtype == torch.float64
    assert law.weights.tolist() == [0.3, 0.7]
    law = GaussianMixture(np.zeros((2, 1)), torch.ones(2, dtype=torch.float32), np.array([1, 2]))
    assert law.means.dtype == law.weights.dtype == torch.float32
    assert Gaussian(0.0, torch.tensor(0.1, dtype=torch.float64)).mean.dtype == torch.float64
    assert SumOfDiracs([[0.1]], torch.ones(1, dtype=torch.float64)).positions.item() == 0.1
    assert Affine(torch.eye(2, dtype=torch.float64), [0.1, 0.2]).b.tolist() == [0.1, 0.2]
    assert HalfSpace([0.1], torch.tensor(1.0, dtype=torch.float64)).normal.tolist() == [0.1]
    assert Ball(torch.zeros(1, dtype=torch.float64), 0.1).radius.item() == 0.1
    scheme = ProductScheme([ScalarCodebook([0.1, 0.2])], scales=torch.ones(1, dtype=torch.float64))
    assert scheme.codebooks[0].levels.dtype == torch.float64
    assert scheme.positions(1)[:, 0].tolist() == [0.1, 0.2]
    with enable_x64(True):
        law = GaussianMixture(jnp.asarray(np.zeros((2, 1), dtype=np.float32)), [0.7, 0.1], [0.3, 0.7])
        assert law.covs.dtype == law.weights.dtype == jnp.float32
        law = GaussianMixture([[0.1]], jnp.asarray(np.ones(1)))
        assert law.means.dtype == jnp.float64
        assert law.means.tolist() == [[0.1]]


def test_arrays_that_pytorch_does_not_take_are_no_obstacle():
    image = np.arange(6.0).reshape(2, 3)[::-1].T
    beside = torch.ones(3, dtype=torch.float64)
    for x in (image, image.astype(">f8"), np.broadcast_to([1.0, 2.0], (3, 2)), np.ones((3, 2), np.uint16)):
        np.testing.assert_array_equal(GaussianMixture(x, beside).means, np.asarray(x, dtype=float))


def test_real_numbers_keep_what_they_are():
    x = torch.zeros(2)
    assert real_numbers("x", x) is x
    assert real_numbers("x", [1, 2]).tolist() == [1, 2]
