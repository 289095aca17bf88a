"""Ctrl-C during long computations of the compiled core: an interpreter of its own gets the signal."""

import functools
import os
import subprocess
import sys

import pytest

# Each takes minutes where nothing looks for signals.
PREPARE = """
import os, signal, threading, time
import numpy as np
from diracs import GaussianMixture, PowerDiagram, SumOfDiracs, _core, lloyd, optimal_transport_plan
from diracs.transport.linear import solve_laplacian
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
def interrupt():
    begin = time.process_time()
    while time.process_time() < begin + 0.1:
        time.sleep(0.01)
    sent.append(time.process_time())
    os.kill(os.getpid(), signal.SIGINT)
"""
LONG = {
    "triangulation": (
        "y = rng.random((6_000_000, 2)); w = np.zeros(len(y))",
        "_core.cells(y, w, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))",
    ),
    "moments": (
        "y = rng.normal(size=(200_000, 2)); k = 3000; "
        "law = _core.Mixture(rng.normal(size=(k, 2)), np.tile(np.eye(2), (k, 1, 1)), np.ones(k))",
        "_core.moments(law, y, np.zeros(len(y)), edges=True)",
    ),
    "laplacian": (
        "n = 3000; i, j = map(np.ascontiguousarray, np.triu_indices(n, 1)); y = rng.random((n, 2)); "
        "i, j = i.astype(np.int32), j.astype(np.int32); b = rng.normal(size=n); b -= b.mean()",
        "_core.solve_laplacian(y, i, j, np.ones(len(i)), b, 1e-10, 'direct')",
    ),
    "rectangles": (
        "k = 3000; a = np.tile(np.linspace(-3, 3, 60), (k, 1))",
        "_core.rectangle_masses(a, a, np.full(k, 0.99), np.full(k, 0.002))",
    ),
    "merging in few dimensions": (
        "x = rng.normal(size=(300_000, 6)); y = x[:20_000].copy(); m = np.ones(len(x)); "
        "points = _core.WeightedPoints(x, m, 0 * m)",
        "points.lloyd(y, steps=10_000, tolerance=0.0)",
    ),
    "merging in many dimensions": (
        "x = rng.normal(size=(100_000, 40)); y = x[:20_000].copy(); m = np.ones(len(x)); "
        "points = _core.WeightedPoints(x, m, 0 * m)",
        "points.nearest(y)",
    ),
    "seeds of merging": (
        "x = rng.normal(size=(200_000, 20)); m = np.ones(len(x))",
        "_core.spread_seeds(x, m, rng.random(100_000))",
    ),
}


# From the signal to the exception, where minutes of work are left.
SECONDS = 5.0


@functools.cache
def outcomes():
    """What became of each computation, CPU seconds after the signal, and whether the core is in order afterwards."""
    parts = [PREPARE]
    for name, (prepare, work) in LONG.items():
        # The process interrupts itself shortly after the work has begun.
        parts.append(f"""
{prepare}
sent = []
thread = threading.Thread(target=interrupt)
try:
    thread.start()
    {work}
except KeyboardInterrupt:
    print({name!r}, "stopped", time.process_time() - sent[0], sep=";")
else:
    print({name!r}, "finished", 0.0, sep=";")
thread.join()
""")
    # What was interrupted leaves the core in order.
    parts.append("print(len(PowerDiagram(rng.random((1000, 2))).cells))")
    found = subprocess.run(
        [sys.executable, "-c", "".join(parts)], capture_output=True, text=True, env=os.environ, check=False
    )
    *lines, after = found.stdout.splitlines() or [""]
    return {line.split(";")[0]: line.split(";")[1:] for line in lines}, after, found.stderr


@pytest.mark.xdist_group("interrupt")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("name", LONG)
def test_ctrl_c_ends_long_computations_with_keyboard_interrupt(name):
    found, after, errors = outcomes()
    assert name in found, errors
    end, seconds = found[name]
    assert end == "stopped"
    assert float(seconds) < SECONDS
    assert after == "1000", errors
