"""Packages that a test may do without: what uses one that is not installed is skipped."""

import importlib
import importlib.util
from typing import Any, NoReturn

import pytest


class _Missing:
    """Stands for what is not installed: nothing is an instance of it, and the test or file that calls it is skipped."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "_Missing":
        return _Missing(f"{self._name}.{name}")

    def __call__(self, *arguments: Any, **options: Any) -> NoReturn:
        pytest.skip(f"{self._name.partition('.')[0]} is not installed", allow_module_level=True)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        self()

    def __instancecheck__(self, instance: Any) -> bool:
        return False


def optional(name: str) -> Any:
    """The module `name`, or what skips the tests that use it."""
    installed = importlib.util.find_spec(name.partition(".")[0]) is not None
    return importlib.import_module(name) if installed else _Missing(name)
