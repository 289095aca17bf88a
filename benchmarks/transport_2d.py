"""Semi-discrete optimal transport in the plane: diracs and sdot side by side, same inputs, same tolerance.

Both solve until no cell's mass is wrong by more than 1e-8. Times are wall-clock from arrays to cost, the shortest of a
few repetitions, both programs with as many threads as they choose; a mark * says that the masses were not reached.

sdot (PyPI) runs in an environment of its own, which this script makes in `.venv-sdot` at the root of the repository,
with the first Python ≥ 3.12 that it finds; sdot imports jax without asking for it, so jax is installed as well. Its
wheel for Linux on x86-64 carries compiled kernels, with Eigen's sparse Cholesky factorization inside, and they are used
by default. Elsewhere, or with `--native`, sdot compiles its kernels for the machine at their first call, before the
clock starts (half a minute). That needs a C++ compiler and Eigen, which sdot downloads or finds in Debian's
libeigen3-dev; without it sdot falls back to conjugate gradients, and the line below the table says so. Without
Python ≥ 3.12 or without sdot, the script says why and prints the column of diracs alone.

    python benchmarks/transport_2d.py [--quick] [--native] [--without-sdot] [--python PYTHON]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan

TOLERANCE = 1e-8
SECONDS, REPEATS = 10.0, 5  # repeat until so much time is spent, at most so often
SDOT = "sdot==2026.10.22.1"
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv-sdot"


class Unavailable(Exception):
    """sdot cannot run here; the message says why."""


def two_peaks(n=64):
    """Two round bumps in an image of n² pixels, from 1 down to e⁻⁸¹ of the peak."""
    x, y = np.meshgrid(np.linspace(0.0, 1.0, n), np.linspace(0.0, 1.0, n), indexing="ij")
    return np.exp(-50.0 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + np.exp(-50.0 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))


def two_discs(n=128):
    """Two discs of ones in an image of n² zeros."""
    centres = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(centres, centres, indexing="ij")
    return ((np.hypot(x - 0.25, y - 0.25) < 0.15) | (np.hypot(x - 0.75, y - 0.75) < 0.15)).astype(float)


def inputs(quick):
    """Name, number of seeds, values of the pixels."""
    square = np.ones((1, 1))
    everything = [
        ("two peaks, 64×64", 200, two_peaks()),
        ("two peaks, 64×64", 10_000, two_peaks()),
        ("two peaks, 64×64", 100_000, two_peaks()),
        ("unit square", 10_000, square),
        ("unit square", 100_000, square),
        ("two discs, 128×128", 1000, two_discs()),
    ]
    return [row for row in everything if not quick or row[1] <= 10_000]


def solve_with_diracs(positions, values):
    """Seconds, Newton steps, cost, largest error of a cell's mass."""
    n = len(positions)
    small = np.random.default_rng(1).random((20, 2))
    optimal_transport_plan(SumOfDiracs(small), PolynomialGrid(values), tol=TOLERANCE * len(small))
    times = []
    while not times or (sum(times) < SECONDS and len(times) < REPEATS):
        begin = time.perf_counter()
        # The tolerance is relative to the smallest mass, 1/n.
        plan = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(values), tol=TOLERANCE * n)
        cost = float(plan.distance)
        times.append(time.perf_counter() - begin)
    error = float(np.abs(plan.cell_masses - 1.0 / n).max())
    return {"seconds": min(times), "steps": plan.iterations, "cost": cost, "error": error}


def solve_with_sdot(python, positions, values, native):
    """The same from a process of sdot's environment."""
    settings = {
        "LOOM_CACHE_DIR": str(FOLDER / "cache"),
        "LOOM_FRAMEWORK": "numpy",  # less overhead per call than its default, jax
        "LOOM_KERNELS": "compile" if native else "auto",
    }
    if native:
        settings["LOOM_PREFER_CATALOGUE"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, positions=positions, values=values, tol=TOLERANCE, seconds=SECONDS, repeats=REPEATS)
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


def timing(result):
    """Time and steps in one column, with a mark where the masses are not right."""
    return f"{result['seconds']:9.3f} s {result['steps']:4d}{'*' if result['error'] > TOLERANCE else ' '}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 10 000 seeds")
    parser.add_argument("--native", action="store_true", help="compile sdot's kernels for this machine")
    parser.add_argument("--without-sdot", action="store_true", help="time diracs only")
    parser.add_argument("--python", help="a Python ≥ 3.12 for sdot's environment")
    options = parser.parse_args()

    python = None
    try:
        python = None if options.without_sdot else sdot_python(options.python)
    except Unavailable as reason:
        print(f"NO COMPARISON WITH sdot: {reason}\n")
    warnings.simplefilter("ignore")  # what has not converged is marked in the table

    print(f"{os.cpu_count()} cores; largest error of a cell's mass {TOLERANCE:g}")
    print(f"{'input':<20} {'seeds':>7} {'sdot, steps':>17} {'diracs, steps':>17} {'ratio':>7} {'cost, relative':>16}")
    notes = set()
    for name, n, values in inputs(options.quick):
        positions = np.random.default_rng(0).random((n, 2))
        theirs = None
        if python is not None:
            try:
                theirs = solve_with_sdot(python, positions, values, options.native)
                solver = "direct linear solver" if theirs["direct"] else "iterative linear solver"
                notes.add(f"sdot {theirs['version']}, {solver}{', compiled here' if options.native else ''}")
            except Unavailable as reason:
                notes.add(str(reason))
        ours = solve_with_diracs(positions, values)
        row = f"{name:<20} {n:7} {timing(theirs) if theirs else '-':>17} {timing(ours):>17}"
        if theirs:
            difference = ours["cost"] / theirs["cost"] - 1.0
            row += f" {theirs['seconds'] / ours['seconds']:6.1f}× {difference:16.1e}"
        print(row, flush=True)
    print("\n".join(sorted(notes)))


if __name__ == "__main__":
    main()
