"""JAX's functions of interval dual numbers: its trace of the function, a jaxpr, carried out operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from diracs.intervals.dual import Dual, rearranged
from diracs.intervals.errors import not_understood
from diracs.intervals.evaluation import run
from diracs.intervals.operations import apply, as_dual, chosen
from diracs.intervals.operators import Operators, operate
from diracs.intervals.reductions import contraction, cumulated, extreme, product, total
from diracs.intervals.truth import Truth

# JAX's names of what NumPy calls otherwise.
_NAMES = {
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "pow": "power",
    "max": "maximum",
    "min": "minimum",
    "neg": "negative",
    "abs": "absolute",
    "logistic": "expit",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "atan2": "arctan2",
    "round": "rint",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
    "not": "logical_not",
}
# JAX traces these into parts whose slopes are not correlated; their own are sharper.
_WHOLE = {"softplus", "relu", "silu", "logaddexp", "log_sigmoid"}
# Rearrangements that NumPy does as well, without compiling anything.
_NATIVE: dict[str, Callable[..., np.ndarray]] = {
    "reshape": lambda p, n: n.reshape(p["new_sizes"]),
    "squeeze": lambda p, n: np.squeeze(n, tuple(p["dimensions"])),
    "expand_dims": lambda p, n: np.expand_dims(n, tuple(p["dimensions"])),
    "transpose": lambda p, n: n.transpose(p["permutation"]),
    "broadcast_in_dim": lambda p, n: _broadcast_in(n, p["shape"], p["broadcast_dimensions"]),
    "slice": lambda p, n: n[tuple(map(slice, p["start_indices"], p["limit_indices"], p["strides"] or [1] * n.ndim))],
    "rev": lambda p, n: np.flip(n, tuple(p["dimensions"])),
    "concatenate": lambda p, *n: np.concatenate(n, p["dimension"]),
    "stack": lambda p, *n: np.stack(n, p["axis"]),
}
# How many of the operands hold the entries that are moved; the rest, indices, must be known.
_MOVING = {"dynamic_slice": 1, "gather": 1, "split": 1, "tile": 1, "pad": 2, "dynamic_update_slice": 2}
# Traced into choices by comparisons that do not jump.
_CONTINUOUS = {"leaky_relu", "elu", "celu", "selu", "hard_tanh", "relu6"}
_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")


class JaxDual(Operators):
    """Interval dual numbers in the place of a jaxpr's variables."""


def jax_front(
    f: Callable[[Any], Any], continuous: bool
) -> tuple[Callable[[np.ndarray, bool], Dual], Callable[[Any], Any]]:
    """How to enclose f, and f itself on NumPy's points."""
    traces: dict[int, Any] = {}

    def traced(points: JaxDual) -> Any:
        d = points.shape[1]
        if d not in traces:
            traces[d] = jax.make_jaxpr(f)(jax.ShapeDtypeStruct((1, d), jax.dtypes.canonicalize_dtype(float)))
        outputs = _outputs(traces[d], [points])
        if len(outputs) != 1:
            raise ValueError(f"f must return one array of shape (n, m), got {len(outputs)}")
        return outputs[0]

    return lambda boxes, derivatives: run(traced, JaxDual.of_boxes(boxes, derivatives, continuous)), lambda x: f(
        jax.numpy.asarray(x)
    )


def _outputs(closed: Any, inputs: Sequence[Any]) -> list[Any]:
    """What a jaxpr makes of duals, comparisons and arrays."""
    jaxpr = closed.jaxpr
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*map(np.asarray, closed.consts), *inputs)))

    def read(variable: Any) -> Any:
        return np.asarray(variable.val) if isinstance(variable, Literal) else known[variable]

    for equation in jaxpr.eqns:
        operands = [read(v) for v in equation.invars]
        known.update(zip(equation.outvars, _equation(equation, operands)))
    return [read(v) for v in jaxpr.outvars]


def _equation(equation: Any, operands: list[Any]) -> list[Any]:
    name, parameters = equation.primitive.name, equation.params
    if not any(isinstance(x, Dual | Truth) for x in operands):
        out = equation.primitive.bind(*map(jax.numpy.asarray, operands), **parameters)
        return [np.asarray(x) for x in (out if equation.primitive.multiple_results else [out])]
    if name in (
        "jit",
        "pjit",
        "closed_call",
        "core_call",
        "custom_jvp_call",
        "custom_vjp_call",
        "remat2",
        "checkpoint",
    ):
        called = parameters.get("name")
        if called in _WHOLE and isinstance(operands[0], Dual):
            return [_whole(called, operands)]
        inner = _closed(next(parameters[key] for key in _CALLS if key in parameters))
        return _continuous(inner, operands) if called in _CONTINUOUS else _outputs(inner, operands)
    if name == "scan":
        return _scan(parameters, operands)
    if name == "cond":
        return _branch(parameters, operands)
    if name in _NATIVE or name in _MOVING or name == "scatter":
        return _moved(equation, operands)
    return [_computed(name, parameters, operands)]


def _continuous(closed: Any, operands: list[Any]) -> list[Any]:
    """What a function that is known to be continuous makes of its operands; what comes after it is not."""
    duals = [x for x in operands if isinstance(x, Dual)]
    promised = [x.promised(True) if isinstance(x, Dual) else x for x in operands]
    return [x.promised(duals[0].continuous) if isinstance(x, Dual) else x for x in _outputs(closed, promised)]


def _closed(jaxpr: Any) -> Any:
    return jaxpr if hasattr(jaxpr, "consts") else jax.extend.core.ClosedJaxpr(jaxpr, ())


def _whole(name: str, operands: list[Any]) -> Any:
    if name == "log_sigmoid":
        return operate("negative", apply("softplus", operate("negative", operands[0])))
    if name == "logaddexp" and not isinstance(operands[1], Dual) and not np.any(operands[1]):
        return apply("softplus", operands[0])
    return operate(name, *operands)


def _computed(name: str, parameters: dict[str, Any], operands: list[Any]) -> Any:
    x = operands[0]
    if name in FUNCTIONS:
        return FUNCTIONS[name](*operands, parameters)
    if name == "select_n":
        return _selected(*operands)
    if name in ("convert_element_type", "copy", "copy_p", "stop_gradient", "optimization_barrier", "reduce_precision"):
        if isinstance(x, Dual) and not jax.numpy.issubdtype(parameters.get("new_dtype", float), np.floating):
            raise not_understood(f"JAX's conversion to {parameters['new_dtype']}")
        return x
    result = apply(_NAMES.get(name, name), *operands)
    if result is None:
        raise not_understood(f"JAX's operation '{name}'")
    return result


def _selected(condition: Any, *branches: Any) -> Any:
    if len(branches) != 2:
        raise not_understood("JAX's 'select_n' with more than two branches")
    return chosen(condition, branches[1], branches[0])


def _moved(equation: Any, operands: list[Any]) -> list[Any]:
    name = equation.primitive.name
    if name == "scatter":
        # Entries written at known places.
        data, fixed = [0, 2], [1]
    else:
        count = _MOVING.get(name, len(operands))
        data, fixed = list(range(count)), list(range(count, len(operands)))
    if any(isinstance(operands[n], Dual | Truth) for n in fixed):
        raise not_understood(f"JAX's operation '{name}' at places that depend on the point")
    if any(isinstance(operands[n], Truth) for n in data):
        return [_moved_truth(equation, operands)]

    def bind(*numbers: np.ndarray) -> Any:
        if name in _NATIVE:
            return _NATIVE[name](equation.params, *numbers)
        full = [jax.numpy.asarray(x) if n in fixed else None for n, x in enumerate(operands)]
        for n, places in zip(data, numbers):
            full[n] = jax.numpy.asarray(places.astype(np.int32))
        out = equation.primitive.bind(*full, **equation.params)
        return [np.asarray(x) for x in out] if equation.primitive.multiple_results else np.asarray(out)

    out = rearranged([operands[n] for n in data], bind)
    return list(out) if isinstance(out, list | tuple) else [out]


def _broadcast_in(n: np.ndarray, shape: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """JAX's broadcasting, which says where each axis goes."""
    sides = dict(zip(axes, n.shape))
    return np.broadcast_to(n.reshape([sides.get(axis, 1) for axis in range(len(shape))]), shape)


def _moved_truth(equation: Any, operands: list[Any]) -> Truth:
    """Comparisons as they are moved: both of their halves, box by box."""
    t = operands[0]
    if len(operands) > 1 or equation.primitive.name not in _NATIVE:
        raise not_understood(f"JAX's operation '{equation.primitive.name}' of comparisons")
    places = _NATIVE[equation.primitive.name](equation.params, np.arange(t.sure[..., 0].size).reshape(t.shape))
    flat = [a.reshape(-1, a.shape[-1]) for a in (t.sure, t.possible)]
    return Truth(flat[0][places], flat[1][places])


def _scan(parameters: dict[str, Any], operands: list[Any]) -> list[Any]:
    """Loops of known length, one turn after the other."""
    n_constants, n_carried = parameters["num_consts"], parameters["num_carry"]
    constants, carried = operands[:n_constants], operands[n_constants : n_constants + n_carried]
    sequences = operands[n_constants + n_carried :]
    outputs: list[list[Any]] = []
    turns = range(parameters["length"])
    for turn in reversed(turns) if parameters["reverse"] else turns:
        found = _outputs(parameters["jaxpr"], [*constants, *carried, *(x[turn] for x in sequences)])
        carried = found[:n_carried]
        outputs.append(found[n_carried:])
    if parameters["reverse"]:
        outputs.reverse()
    return [*carried, *(_stacked(list(x)) for x in zip(*outputs))]


def _stacked(parts: list[Any]) -> Any:
    if any(isinstance(x, Dual) for x in parts):
        return rearranged(parts, lambda *n: np.stack(n))
    return np.stack(parts)


def _branch(parameters: dict[str, Any], operands: list[Any]) -> list[Any]:
    if isinstance(operands[0], Dual | Truth):
        raise not_understood("JAX's 'cond' on a comparison of points", "use jnp.where")
    branches = parameters["branches"]
    return _outputs(branches[int(np.clip(operands[0], 0, len(branches) - 1))], operands[1:])


def _dot_general(a: Any, b: Any, parameters: dict[str, Any]) -> Any:
    (sum_a, sum_b), (batch_a, batch_b) = parameters["dimension_numbers"]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    one, other = [next(letters) for _ in range(np.ndim(a) if not isinstance(a, Dual) else a.ndim)], []
    pairs = dict(zip((*sum_b, *batch_b), (*sum_a, *batch_a)))
    for axis in range(np.ndim(b) if not isinstance(b, Dual) else b.ndim):
        other.append(one[pairs[axis]] if axis in pairs else next(letters))
    batch = [one[n] for n in batch_a]
    free = [x for n, x in enumerate(one) if n not in (*sum_a, *batch_a)]
    free += [x for n, x in enumerate(other) if n not in pairs]
    return contraction(f"{''.join(one)},{''.join(other)}->{''.join(batch + free)}", [a, b])


def _clamp(low: Any, x: Any, high: Any, parameters: Any) -> Any:
    return operate("minimum", operate("maximum", x, low), high)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "dot_general": _dot_general,
    "clamp": _clamp,
    "integer_pow": lambda x, p: operate("power", x, float(p["y"])),
    "rsqrt": lambda x, p: 1.0 / apply("sqrt", x),
    "erfc": lambda x, p: 1.0 - apply("erf", x),
    "reduce_sum": lambda x, p: total(x, p["axes"]),
    "reduce_prod": lambda x, p: product(x, p["axes"]),
    "reduce_max": lambda x, p: extreme(x, True, p["axes"]),
    "reduce_min": lambda x, p: extreme(x, False, p["axes"]),
    "cumsum": lambda x, p: cumulated(x, p["axis"], p["reverse"]),
    "is_finite": lambda x, p: Truth(np.ones((*x.shape, 1), bool), np.ones((*x.shape, 1), bool)),
    # No number differs from itself: JAX's test for NaN.
    "ne": lambda a, b, p: operate("not_equal", a, b) if a is not b else _never(a),
    "add_any": lambda a, b, p: operate("add", a, b),
    "rem": lambda a, b, p: a - b * apply("trunc", a / b) if isinstance(a, Dual) else as_dual(a, b) % b,
}


def _never(x: Any) -> Truth:
    no = np.zeros((*x.shape, 1), bool)
    return Truth(no, no)
