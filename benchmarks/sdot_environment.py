"""sdot (PyPI), to compare with, in an environment of its own.

It is made in `.venv-sdot` at the root of the repository, with the first Python ≥ 3.12 that is found; sdot imports jax
without asking for it, so jax is installed as well. Its wheel for Linux on x86-64 carries compiled kernels, with Eigen's
sparse Cholesky factorization inside, and they are used by default. Elsewhere, or with `--native`, sdot compiles its
kernels for the machine at their first call, before the clock starts (half a minute). That needs a C++ compiler and
Eigen, which sdot downloads or finds in Debian's libeigen3-dev; without it sdot falls back to conjugate gradients, and
the line below the table says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SDOT = "sdot==2026.10.22.1"
FOLDER = Path(__file__).resolve().parents[1] / ".venv-sdot"


class Unavailable(Exception):
    """sdot cannot run here; the message says why."""


def add_options(parser):
    """Options of every comparison with sdot."""
    parser.add_argument("--native", action="store_true", help="compile sdot's kernels for this machine")
    parser.add_argument("--without-sdot", action="store_true", help="time diracs only")
    parser.add_argument("--python", help="a Python ≥ 3.12 for sdot's environment")


def environment(options):
    """The Python of sdot's environment; None, with a note on the screen, where there is none."""
    try:
        return None if options.without_sdot else sdot_python(options.python)
    except Unavailable as reason:
        print(f"NO COMPARISON WITH sdot: {reason}\n")
        return None


def comparison(result, options):
    """What was compared with, in words."""
    solver = "direct linear solver" if result["direct"] else "iterative linear solver"
    return f"sdot {result['version']}, {solver}{', compiled here' if options.native else ''}"


def solve_with_sdot(python, problem, native):
    """What sdot_solver.py prints for a problem, solved by a process of sdot's environment."""
    settings = {
        "LOOM_CACHE_DIR": str(FOLDER / "cache"),
        "LOOM_FRAMEWORK": "numpy",  # less overhead per call than its default, jax
        "LOOM_KERNELS": "compile" if native else "auto",
    }
    if native:
        settings["LOOM_PREFER_CATALOGUE"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, **problem)
        script = Path(__file__).with_name("sdot_solver.py")
        run = subprocess.run([python, script, path], env=os.environ | settings, capture_output=True, text=True)
    if run.returncode:
        raise Unavailable(f"sdot failed: {last_line(run.stderr)}")
    return json.loads(run.stdout.splitlines()[-1])


def sdot_python(asked):
    """The Python of sdot's environment, made when it is not there yet."""
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = FOLDER / "installed"
    if stamp.exists() and stamp.read_text() == SDOT:
        return python
    base = newer_python(asked)
    print(f"making {FOLDER.name} with {base} …", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for command in ([base, "-m", "venv", FOLDER], [python, "-m", "pip", "install", "--quiet", SDOT, "jax"]):
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise Unavailable(f"{' '.join(map(str, command[1:]))} failed: {last_line(run.stderr)}")
    (FOLDER / ".gitignore").write_text("*\n")
    stamp.write_text(SDOT)
    return python


def newer_python(asked):
    """The path of a Python ≥ 3.12: the one asked for, this one, on the path, or installed by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [asked] if asked else [sys.executable, "python3.12", "python3.13", "python3.14", "python3"]
    candidates += [] if asked else sorted(pyenv.glob("3.1[2-9].*/bin/python"))
    for candidate in candidates:
        # Starting it is the only proof: pyenv's shims are on the path for versions that are switched off.
        try:
            check = [candidate, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))"]
            if subprocess.run(check, capture_output=True).returncode == 0:
                return str(candidate)
        except OSError:
            continue
    raise Unavailable("sdot needs Python 3.12 or newer" + (f", {asked} is not" if asked else " and none was found"))


def last_line(text):
    """What a failed command said last."""
    return (text.strip().splitlines() or ["no message"])[-1]
