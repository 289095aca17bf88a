"""Docstrings: every public name has an example, all examples run, and tables of parameters are those of the code."""

import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import diracs

ROOT = Path(diracs.__file__).parent
MODULES = sorted(
    ".".join(("diracs", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties, of bases in the package too."""
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        for wrapped in ("fget", "func", "__func__"):
            member = getattr(member, wrapped, member)
        if not name.startswith("_") and inspect.isfunction(member) and member.__module__.startswith("diracs."):
            yield name, member


PUBLIC = {name: getattr(diracs, name) for name in diracs.__all__}
METHODS = {
    f"{name}.{key}": member for name, cls in PUBLIC.items() if inspect.isclass(cls) for key, member in members(cls)
}


def section(of: Any, title: str) -> list[str] | None:
    """The names that a section of a docstring lists, in their order; several may share a line. None without it."""
    found = re.search(rf"\n\n{title}\n-+\n(.*?)(?=\n\n[A-Z][a-z]+\n---|\Z)", inspect.getdoc(of) or "", re.DOTALL)
    if not found:
        return None
    heads = [line for line in found[1].splitlines() if line and not line.startswith(" ")]
    return [name for head in heads for name in head.split(" : ")[0].split(", ")]


def parameters(of: Callable[..., Any]) -> list[str]:
    """Those of the signature; of a class those of `__init__`."""
    signature = inspect.signature(of.__init__ if inspect.isclass(of) else of)
    return [name for name in signature.parameters if name not in ("self", "cls")]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (PUBLIC[name].__doc__ or "")


def test_every_method_and_property_has_a_docstring() -> None:
    assert [name for name, of in METHODS.items() if not inspect.getdoc(of)] == []


class Runner(doctest.DocTestRunner):
    """Lets pass what cannot be imported: an extra that is not installed skips the test."""

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        if isinstance(exc_info[1], ImportError):
            raise exc_info[1]
        super().report_unexpected_exception(out, test, example, exc_info)


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    """Without the names of the module: an example imports what it uses."""
    source = pytest.importorskip(module, reason="an extra is not installed")
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(source, globs={}) if test.examples]
    assert tests, f"doctest finds none of the examples of {module}"
    said: list[str] = []
    runner = Runner(verbose=False)
    for test in tests:
        runner.run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", [name for name, of in PUBLIC.items() if section(of, "Parameters") is not None])
def test_tables_of_parameters(name: str) -> None:
    assert section(PUBLIC[name], "Parameters") == parameters(PUBLIC[name])


def test_tables_of_parameters_of_methods() -> None:
    for name, of in METHODS.items():
        if section(of, "Parameters") is not None:
            assert section(of, "Parameters") == parameters(of), name


# A function of nothing has no table.
BARE = [name for name, of in PUBLIC.items() if section(of, "Parameters") is None]


@pytest.mark.parametrize("name", [n for n in BARE if inspect.isclass(PUBLIC[n]) or parameters(PUBLIC[n])])
def test_tables_of_attributes(name: str) -> None:
    """What the library makes itself, results and exceptions, has a table of its fields instead."""
    of = PUBLIC[name]
    assert inspect.isclass(of)
    declared = [f.name for f in fields(of)] if is_dataclass(of) else list(of.__annotations__)
    documented = section(of, "Attributes") or []
    assert {field for field in declared if not field.startswith("_")} <= set(documented)
    assert all(attribute in declared or hasattr(of, attribute) for attribute in documented)


@pytest.mark.parametrize("name", [name for name, of in PUBLIC.items() if inspect.isfunction(of)])
def test_returns(name: str) -> None:
    """What unpacks into several names has these in its table, or the name of its class."""
    of = PUBLIC[name]
    kind, listed = of.__annotations__["return"], section(of, "Returns")
    assert listed
    names = getattr(of.__globals__.get(kind), "_fields", None)
    assert names is None or listed in ([kind], list(names))
