"""Arrays of three frameworks, one code: which framework, what to compute in, and how to give results back.

The closed-form part of diracs is written against the Python array API. Three rules hold everywhere:

- results come back in the framework, on the device and in the dtype of the inputs;
- where every value is at hand and no derivative is asked for, the work is done in NumPy float64;
- where values are traced (JAX) or differentiated (PyTorch), the work is done in that framework, in its widest dtype.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
import scipy

# numpy.ndarray, torch.Tensor or jax.Array: no protocol holds for all three, so that docstrings give shapes and dtypes.
Array = Any

# The only dtypes that certificates are made of.
_NATIVE = (np.dtype(np.float32), np.dtype(np.float64))


# Surely no arrays; array_api_compat's questions are cached, which torch.compile warns of.
_OTHERS = (type(None), bool, int, float, list, tuple)


def is_array(x: Any) -> bool:
    if is_torch(x) or isinstance(x, np.ndarray | np.generic):
        return True
    return not isinstance(x, _OTHERS) and array_api_compat.is_array_api_obj(x)


def is_torch(x: Any) -> bool:
    """True for tensors."""
    return "torch" in sys.modules and isinstance(x, sys.modules["torch"].Tensor)


def is_jax(x: Any) -> bool:
    """True for arrays and tracers."""
    if is_torch(x) or isinstance(x, (np.ndarray, np.generic, *_OTHERS)):
        return False
    return array_api_compat.is_jax_array(x)


def framework(x: Any) -> str:
    """'numpy', 'torch' or 'jax'; lists and numbers count as NumPy."""
    if is_torch(x):
        return "torch"
    if is_jax(x):
        return "jax"
    return "numpy"


def namespace(*arrays: Array) -> ModuleType:
    """The array API namespace of arrays that are already of one framework (JAX takes NumPy's along)."""
    if all(type(x) is np.ndarray for x in arrays):
        import array_api_compat.numpy as xp

        return xp  # the usual case, without the cost of finding out
    if all(map(is_torch, arrays)):
        import array_api_compat.torch as torch_xp

        return torch_xp  # PyTorch's compiler would look into caches
    for x in arrays:
        if is_jax(x):
            return array_api_compat.array_namespace(x)
    return array_api_compat.array_namespace(*[x for x in arrays if is_array(x)])


def common_framework(**arrays: Any) -> str:
    """The one framework of the named arguments; NumPy arrays are constants, which may stand beside any other's.

    Raises
    ------
    TypeError
        If tensors of PyTorch meet arrays of JAX.
    """
    found: dict[str, str] = {}
    for name, x in arrays.items():
        if is_array(x) and framework(x) != "numpy":
            found.setdefault(framework(x), name)
    if len(found) > 1:
        listed = ", ".join(f"{name} is a {kind} array" for kind, name in found.items())
        raise TypeError(f"all arrays must come from one framework, but {listed}; convert them to one of these")
    # In so many words because PyTorch's compiler (2.6) knows no default of next.
    return next(iter(found)) if found else "numpy"


def companion(*arrays: Any) -> Array | None:
    """The first floating point array of PyTorch or JAX: numbers beside it take its dtype and device. None if none."""
    for x in arrays:
        if is_array(x) and framework(x) != "numpy" and str(x.dtype).endswith(("float32", "float64")):
            return x
    return None


def to_framework(x: Any, kind: str, like: Array | None = None) -> Array:
    """`x` as a floating point array of the framework, with the dtype and device of `like` if that is given."""
    if kind == "torch":
        import torch

        if not isinstance(x, torch.Tensor):
            a = np.asarray(x)
            # A copy: PyTorch takes neither read-only nor reversed arrays, and shares the memory of others.
            x = torch.as_tensor(np.array(a, a.dtype if a.dtype in _NATIVE else np.float64, order="C"))
        if like is not None:
            return x.to(dtype=like.dtype, device=like.device)
        return x if x.is_floating_point() else x.to(torch.get_default_dtype())
    if kind == "jax":
        import jax
        import jax.numpy as jnp

        _register_pytrees()
        if not array_api_compat.is_jax_array(x):
            a = np.asarray(x)
            # A copy: JAX's arrays may else share the memory of NumPy's. Evaluated at once, to be looked at, inside jit.
            with jax.ensure_compile_time_eval():
                x = jnp.array(a if a.dtype in _NATIVE else a.astype(np.float64), None if like is None else like.dtype)
        if like is not None:
            return x if x.dtype == like.dtype else x.astype(like.dtype)
        return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
    a = concrete(x) if is_array(x) and framework(x) != "numpy" else np.asarray(x)
    if like is not None:
        return a.astype(like.dtype, copy=False)
    return a if a.dtype in _NATIVE else a.astype(np.float64)


def constant(x: Array, like: Array) -> Array:
    """NumPy's numbers in the framework, dtype and device of `like`; tensors as they are."""
    kind = framework(like)
    return to_framework(x, kind, like) if framework(x) == "numpy" and kind != "numpy" else x


def beside(x: Array, like: Array) -> Array:
    """The same in its own dtype, as far as the framework has it."""
    kind = framework(like)
    if framework(x) != "numpy" or kind == "numpy":
        return x
    out = to_framework(x, kind)
    return out.to(like.device) if kind == "torch" else out


def owned(x: Array) -> Array:
    """A copy that nobody else holds, read-only in NumPy; derivatives flow through it to `x`."""
    if is_torch(x):
        return x.clone()
    if is_jax(x):
        import jax
        import jax.numpy as jnp

        # Arrays of JAX do not change, unless they share memory with one of NumPy. Known values stay known inside jit.
        with jax.ensure_compile_time_eval():
            return x if is_traced(x) else jnp.array(x)
    return frozen(np.array(x))


def frozen(x: Any) -> Any:
    """The same object; a NumPy array is made read-only."""
    if isinstance(x, np.ndarray):
        x.setflags(write=False)
    return x


def is_lazy(x: Any) -> bool:
    """True if the value of `x` is not at hand (JAX tracer) or its derivative is asked for (PyTorch)."""
    if is_torch(x):
        import torch

        return is_traced(x) or bool(x.requires_grad and torch.is_grad_enabled())
    if is_jax(x):
        import jax

        return isinstance(x, jax.core.Tracer)
    return False


def is_traced(x: Any) -> bool:
    """True if the value of `x` cannot be looked at: in JAX's, PyTorch's function transforms and PyTorch's compiler."""
    if is_torch(x):
        import torch

        # Inside torch.func's transforms even plain tensors turn into wrapped ones when they are worked with.
        return torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None
    return is_lazy(x)


def concrete(x: Array) -> np.ndarray:
    """The value of `x` as a NumPy float64 array (without derivatives)."""
    if is_torch(x):
        x = x.detach().cpu().numpy()
    return np.asarray(x, dtype=np.float64)


def working(*arrays: Array) -> list[Array]:
    """The arrays to compute with: NumPy float64 if nothing is lazy, else their own framework in its widest dtype."""
    if not any(is_lazy(x) for x in arrays):
        return [concrete(x) for x in arrays]
    if any(is_torch(x) for x in arrays):
        import torch

        return [x.to(torch.float64) for x in arrays]
    import jax.numpy as jnp

    return [jnp.asarray(x).astype(float) for x in arrays]


def nan_unless(sound: Array, x: Array) -> Array:
    """`x` where the condition holds, NaN elsewhere."""
    xp = namespace(x)
    return xp.where(sound, x, xp.full_like(x, float("nan")))


def stop_gradient(x: Array) -> Array:
    if is_torch(x):
        return x.detach()
    if is_jax(x):
        import jax

        return jax.lax.stop_gradient(x)
    return x


def eps(x: Array) -> float:
    """Machine epsilon of the array's dtype."""
    return float(namespace(x).finfo(x.dtype).eps)


def within_reach(x: Array) -> Array:
    """`x`, but far points brought nearer, so that their squares do not overflow.

    Of a law in its unit (`schemes.scaling`) nothing gets so far, nor to the points that these stand for.
    """
    most = 1e65 if eps(x) < 1e-10 else 1e11
    return namespace(x).clip(x, -most, most)


def erfc(x: Array) -> Array:
    """Complementary error function, with full relative accuracy in the right tail."""
    if is_torch(x):
        import torch

        return torch.special.erfc(x)
    if is_jax(x):
        import jax.scipy.special as jsp

        return jsp.erfc(x)
    return scipy.special.erfc(x)


def asarray_like(values: Any, like: Array) -> Array:
    """Constants (quadrature nodes, clip limits) as an array of the framework, dtype and device of `like`."""
    kind = framework(like)
    return to_framework(np.asarray(values, dtype=np.float64), kind, like)


def take(x: Array, index: np.ndarray, axis: int) -> Array:
    """`numpy.take` with a constant index array, in any framework."""
    if is_torch(x):
        import torch

        return torch.index_select(x, axis, torch.as_tensor(index, device=x.device))
    return namespace(x).take(x, np.asarray(index), axis=axis)


def bound_in(value: Any, kind: str, like: Array, *, up: bool) -> Array:
    """A bound in the dtype of `like`, rounded to the side on which it stays one."""
    if is_lazy(value) or (kind != "numpy" and not isinstance(value, np.ndarray | float)):
        # Rounding to single precision takes 2⁻²⁴ at most.
        narrow = to_framework(value, kind, like).dtype != value.dtype
        return to_framework(value * (1.0 + (6e-8 if up else -6e-8)) if narrow else value, kind, like)
    v = np.asarray(value, dtype=np.float64)
    dtype = np.float32 if "32" in str(like.dtype) else np.float64
    low = v.astype(dtype)
    side = np.inf if up else -np.inf
    wrong = low < v if up else low > v
    rounded = np.where(wrong, np.nextafter(low, dtype(side)), low)[()]
    return to_framework(rounded, kind, like) if kind != "numpy" else rounded


def map_arrays(obj: Any, function: Callable[[Array], Array]) -> Any:
    """The object with the function applied to every array that it holds (see `pytree`)."""
    if obj is None:
        return None
    if isinstance(obj, tuple):
        return tuple(map_arrays(item, function) for item in obj)
    if type(obj) not in _PYTREES:
        # A law of a user's own holds nothing that we know of.
        return frozen(function(obj)) if is_array(obj) or isinstance(obj, float | int | np.generic) else obj
    new = object.__new__(type(obj))
    for name in obj._static:
        object.__setattr__(new, name, getattr(obj, name))
    for name in obj._leaves:
        object.__setattr__(new, name, map_arrays(getattr(obj, name), function))
    return new


def leaves(obj: Any) -> list[Array]:
    """All arrays that the object holds (see `pytree`)."""
    found: list[Array] = []
    map_arrays(obj, lambda a: found.append(a) or a)  # type: ignore[func-returns-value]
    return found


def together(first: Any, second: Any) -> tuple[Any, Any]:
    """Two objects in one framework: one of NumPy's numbers becomes a constant beside the other (see `beside`)."""
    like = companion(*leaves(first), *leaves(second))
    if like is None:
        return first, second
    one, other = (
        obj if all(framework(a) != "numpy" for a in leaves(obj)) else map_arrays(obj, lambda a: beside(a, like))
        for obj in (first, second)
    )
    return one, other


def add_rows(values: Array, weights: Array, index: np.ndarray, count: int) -> Array:
    """Weighted sums of rows with the same index: values (K, n), weights (K,) → (count, n)."""
    if count == 1:
        return namespace(values).matmul(weights[None, :], values)
    if isinstance(values, np.ndarray):
        if values.shape[0] == count and (index == np.arange(count)).all():
            return weights[:, None] * values
        out = np.zeros((count, *values.shape[1:]))
        np.add.at(out, index, weights[:, None] * values)
        return out
    member = asarray_like(index[None, :] == np.arange(count)[:, None], values)
    return namespace(values).matmul(member * weights, values)


_PYTREES: list[type] = []
_registered: set[type] = set()


def pytree(cls: type) -> type:
    """Class decorator: instances pass through `jax.jit`, `jax.grad` and `jax.vmap` as arguments and results.

    The class names its array-holding attributes in `_leaves`; the others travel as static data in `_static`.
    """
    _PYTREES.append(cls)
    if "jax" in sys.modules:
        _register_pytrees()
    return cls


def _register_pytrees() -> None:
    import jax

    for cls in _PYTREES:
        if cls in _registered:
            continue
        _registered.add(cls)

        def flatten(obj: Any) -> tuple[tuple, tuple]:
            kind = type(obj)
            return tuple(getattr(obj, a) for a in kind._leaves), tuple(getattr(obj, a) for a in kind._static)

        def unflatten(static: tuple, leaves: tuple, cls: type = cls) -> Any:
            obj: Any = object.__new__(cls)
            for name, value in zip((*cls._leaves, *cls._static), (*leaves, *static)):  # type: ignore[attr-defined]
                object.__setattr__(obj, name, value)
            return obj

        jax.tree_util.register_pytree_node(cls, flatten, unflatten)
