"""These tests need python-flint."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("flint") else ["test_*.py"]
