"""Every picture in an interpreter that has not imported matplotlib before: nothing may rest on what others imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import diracs

# One process makes the objects, without matplotlib, and divides for each picture.
SCRIPT = """
import json, os, sys
import numpy as np
import diracs

plane, line = np.array([[0.1, 0.2], [0.8, 0.3], [0.4, 0.9]]), np.array([[0.1], [0.2], [0.9]])
square, interval = diracs.PolynomialGrid(np.ones((2, 2))), diracs.PolynomialGrid([1.0, 2.0])
made = {
    "quantization": diracs.quantize(diracs.Gaussian(np.zeros(2), np.ones(2)), 4, scheme="grid"),
    "quantization on the line": diracs.quantize(diracs.Gaussian(0.0, 1.0), 4),
    "diagram": diracs.PowerDiagram(plane),
    "plan": diracs.optimal_transport_plan(diracs.SumOfDiracs(plane), square),
    "plan on the line": diracs.optimal_transport_plan(diracs.SumOfDiracs(line), interval),
    "fit": diracs.fit_mixture(plane, 1),
    "fit on the line": diracs.fit_mixture(line, 1),
    "trajectory": diracs.propagate(diracs.Gaussian(np.zeros(2), 0.1), diracs.Affine(0.5 * np.eye(2)), None, 1, n=2),
    "trajectory on the line": diracs.propagate(diracs.Gaussian([0.0], 0.1), diracs.Affine([[0.5]]), None, 1, n=2),
}
assert not any(name.split(".")[0] == "matplotlib" for name in sys.modules)
ends = {}
for name, one in made.items():
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            one.plot().figure.canvas.draw()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    ends[name] = os.waitpid(child, 0)[1]
print(json.dumps(ends))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that divide")
def test_every_picture_is_drawn_in_a_fresh_interpreter() -> None:
    pytest.importorskip("matplotlib")
    source = str(Path(diracs.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    assert len(ends) == 9 and not any(ends.values()), (ends, done.stderr)
