"""Rooms and public names do not get in each other's way."""

import importlib
import pkgutil

import diracs


def test_public_names_stay_when_every_module_has_been_imported():
    before = {name: getattr(diracs, name) for name in diracs.__all__}
    for module in pkgutil.walk_packages(diracs.__path__, "diracs."):
        importlib.import_module(module.name)
    assert all(getattr(diracs, name) is value for name, value in before.items())
    assert not {module.name for module in pkgutil.iter_modules(diracs.__path__)} & set(diracs.__all__)
