"""The runner of all benchmarks: what it measures, keeps and compares."""

import datetime
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))
run = pytest.importorskip("run")


def result(seconds, processor, **more):
    return {"options": [], "exit": 0, "seconds": seconds, "processor": processor, "megabytes": 1.0, **more}


def test_every_benchmark_is_known():
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    studies = {f"study_{name}" for name in run.STUDIES}
    assert (
        set(run.BENCHMARKS) | studies | {"renew_studies", "run", "sdot_environment", "sdot_solver", "study_plots"}
        == scripts
    )


def test_what_takes_longer_is_marked():
    before = {"space": result(10.0, 15.0), "cells": result(10.0, 15.0), "merging": result(0.01, 0.01)}
    runs = {"space": result(11.5, 17.0), "cells": result(30.0, 15.1), "merging": result(0.02, 0.02)}
    marked = [line for line in run.table(runs, before).splitlines() if "slower" in line]
    assert len(marked) == 1 and marked[0].startswith("| space |") and "1.13" in marked[0]
    # Of other options nothing is known.
    assert "slower" not in run.table({"space": result(99.0, 99.0, options=["--quick"])}, before)
    assert "(failed)" in run.table({"space": result(1.0, 1.0, exit=2)}, {})


def test_a_run_is_kept_and_compared(tmp_path):
    kept = tmp_path / "run.json"
    command = [sys.executable, str(FOLDER / "run.py"), "scalar_codebooks", "--output", str(kept)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    stored = json.loads(kept.read_text())
    found = stored["runs"]["scalar_codebooks"]
    assert found["exit"] == 0 and 0 < found["processor"] and 20 < found["megabytes"] < 2000
    assert "0.1514498363" in found["printed"] and stored["machine"]["numpy"] in first.stdout
    second = subprocess.run([*command, "--beside", str(kept)], capture_output=True, text=True, check=True)
    assert "| scalar_codebooks |" in second.stdout


def test_unknown_names_are_refused():
    found = subprocess.run([sys.executable, str(FOLDER / "run.py"), "speed"], capture_output=True, text=True)
    assert found.returncode == 2 and "there is no benchmark 'speed'" in found.stderr


def test_constants_of_the_study_exist():
    study = pytest.importorskip("study_parameters")
    replaced = {(module, name) for _, changes, _, _ in study.CONSTANTS for module, name, _ in changes}
    assert all(hasattr(importlib.import_module(module), name) for module, name in replaced)


def test_tables_of_studies_take_the_places_of_old_ones():
    renew = pytest.importorskip("renew_studies")
    assert set(renew.STUDIES) == set(run.STUDIES)
    page = "From x, 2 May 2020:\n```text\na\n```\nwords of 3 May 2020\n```text\nb\nc\n```\n"
    day = datetime.date(2026, 11, 28)
    new = "From x, 28 November 2026:\n```text\nd\ne\n```\nwords of 3 May 2020\n```text\n f\n```\n"
    assert renew.renewed(page, "\nd\ne\n\n f\n\n", day) == new
    with pytest.raises(ValueError, match="2 tables, the script prints 1"):
        renew.renewed(page, "d\n", day)
    one = "```text\nold\n```"
    assert renew.renewed(one, "d\n\ne\n", day) == "```text\nd\n\ne\n```"
