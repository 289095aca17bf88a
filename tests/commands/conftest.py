"""Commands run in a folder of their own. These tests need typer."""

from __future__ import annotations

import importlib.util
import json

import pytest
from optional import optional

collect_ignore_glob = [] if importlib.util.find_spec("typer") else ["test_*.py"]
CliRunner = optional("typer.testing").CliRunner

MIXTURE = {"means": [[0, 0], [1, 1]], "covs": [[1, 1], [2, 2]], "weights": [0.4, 0.6]}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the tool, with what is given as standard input, in a folder that holds mixture.json."""
    from diracs.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "mixture.json").write_text(json.dumps(MIXTURE))
    return lambda *arguments, stdin=None: CliRunner().invoke(app, list(arguments), input=stdin)
