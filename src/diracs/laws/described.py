"""Laws as plain data, such as JSON holds: what the command line reads (docs/command_line.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from diracs.laws.convert import as_law, as_part
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, GaussianMixture
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.convert import SCIPY_FAMILIES
from diracs.laws.univariate.discrete import atoms_of

# Names of scipy.stats: nothing else is looked up there.
CONTINUOUS = tuple(sorted(("norm", *SCIPY_FAMILIES)))
DISCRETE = ("bernoulli", "binom", "geom", "nbinom", "poisson", "randint")


class _Kind(NamedTuple):
    """A kind of law, and the entries that it is made of."""

    needed: tuple[str, ...]
    wanted: tuple[str, ...]  # may be left out
    made: Callable[..., Any]
    laws: tuple[str, ...] = ()  # entries that are laws themselves, or lists of them
    inside: bool = False  # whether the entries stand in an object of the kind's name


def law_of(described: Any, where: str = "law") -> Any:
    """The law that an object of plain data describes.

    Parameters
    ----------
    described : mapping
        With the entry `family`, or those of another kind of law; numbers are numbers, arrays lists.
    where : str
        What errors call it.

    Returns
    -------
    law of diracs, or a frozen discrete one of `scipy.stats`: what `quantize` takes

    Raises
    ------
    ValueError
        For entries that are missing, unknown or wrong.

    Examples
    --------
    >>> from diracs.laws.described import law_of
    >>> law_of({"independent": [{"family": "gamma", "a": 2.0}, {"family": "uniform", "scale": 3.0}]})
    Independent(2 laws in dimension 2)
    """
    if not isinstance(described, Mapping):
        raise ValueError(f"{where} must hold an object that describes a law, got {_shown(described)}")
    if "family" in described:
        return _of_family(described, where)
    name = _name_of(described, where)
    kind = _KINDS[name]
    if kind.inside:
        check_entries(described, (name,), (), where)
        where, described = f"{where}: {name}", described[name]
        if not isinstance(described, Mapping):
            raise ValueError(f"{where} must be an object with the entries {_listed(kind.needed)}")
    check_entries(described, kind.needed, kind.wanted, where)
    given = {entry: described.get(entry) for entry in (*kind.needed, *kind.wanted)}
    for entry in kind.laws:
        given[entry] = _parts(given[entry], f"{where}: {entry}")
    return _made(lambda: kind.made(*given.values()), where)


def _name_of(described: Mapping[str, Any], where: str) -> str:
    """The kind of law that the entries are of: the one that is named, or else has most of them."""
    found = [name for name in _KINDS if name in described]
    if len(found) > 1:
        raise ValueError(f"{where} must describe one law, but has the entries {_listed(found)}")
    partly = [name for name, kind in _KINDS.items() if not kind.inside and set(kind.needed) & set(described)]
    if not found and not partly and set(described) == {"weights"}:
        return "means"
    if not found and not partly:
        raise ValueError(f"{where} must have one of the entries family, {', '.join(_KINDS)}, got {_listed(described)}")
    return (found or partly)[0]


def _parts(given: Any, where: str) -> Any:
    """A law, or a list of laws."""
    if isinstance(given, list | tuple):
        return [law_of(one, f"{where}[{k}]") for k, one in enumerate(given)]
    return law_of(given, where)


def _of_family(described: Mapping[str, Any], where: str) -> Any:
    """A law on the line by the name and the parameters that it has in `scipy.stats`."""
    import scipy.stats

    name = described["family"]
    if not isinstance(name, str) or name not in CONTINUOUS + DISCRETE:
        raise ValueError(f"{where}: family must be one of {', '.join(CONTINUOUS + DISCRETE)}, got {_shown(name)}")
    family = getattr(scipy.stats, name)
    shapes = tuple(family.shapes.split(", ")) if family.shapes else ()
    placed = ("loc",) if name in DISCRETE else ("loc", "scale")
    numbers = {entry: value for entry, value in described.items() if entry != "family"}
    check_entries(numbers, shapes, placed, f"{where}: {name}")
    for entry, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{where}: {entry} of {name} must be a number, got {_shown(value)}")

    def made() -> Any:
        frozen = family(**numbers)
        # Looked at here, where it is known what the law is called.
        return as_part(frozen) if atoms_of(frozen) is None else frozen

    return _made(made, where)


def _made(made: Callable[[], Any], where: str) -> Any:
    try:
        return made()
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where} does not hold a law: {error}") from None


def check_entries(given: Mapping[str, Any], needed: tuple[str, ...], wanted: tuple[str, ...], where: str) -> None:
    """Raise where an object lacks entries, or has others than those needed and those that may be given."""
    missing = [entry for entry in needed if entry not in given]
    unknown = [str(entry) for entry in given if entry not in needed + wanted]
    faults = [f"{_listed(missing)} missing"] if missing else []
    faults += [f"{', '.join(unknown[:5])} not known"] if unknown else []
    if faults:
        known = [f"the entries {_listed(needed)}"] if needed else []
        known += [f"if wanted, {_listed(wanted)}"] if wanted else []
        raise ValueError(f"{where} must have {' and, '.join(known)}: {'; '.join(faults)}")


def _listed(names: Any) -> str:
    """Names with commas, and an "and" before the last."""
    some = list(map(str, names))
    return ", ".join(some[:-1]) + " and " + some[-1] if len(some) > 1 else "".join(some) or "none"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _student(loc: Any, shape: Any, df: Any) -> Any:
    import scipy.stats

    return as_law(scipy.stats.multivariate_t(loc, shape, df))


_KINDS = {
    "independent": _Kind(("independent",), ("matrix", "offset"), Independent, laws=("independent",)),
    "elliptical": _Kind(("scale", "mean", "cov"), (), Elliptical, laws=("scale",), inside=True),
    "multivariate_t": _Kind(("loc", "shape", "df"), (), _student, inside=True),
    "mixture": _Kind(("mixture",), ("weights",), Mixture, laws=("mixture",)),
    "histogram": _Kind(("counts", "edges"), (), PolynomialGrid.from_histogram, inside=True),
    "points": _Kind(("points",), ("weights",), SumOfDiracs),
    "means": _Kind(("means", "covs"), ("weights",), GaussianMixture),
    "mean": _Kind(("mean", "cov"), (), Gaussian),
}
