"""Wheels and source distributions, built and tested on every Python that is found: `nox`, or `nox -s wheel-3.12`."""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["wheel", "sdist", "oldest"]

# All versions that pyenv has, not only the one of this folder.
if shutil.which("pyenv"):
    found = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=True).stdout.split()
    os.environ.setdefault("PYENV_VERSION", ":".join(found))

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
# What tests need at least; those of what is not installed are skipped.
TESTS = ["hypothesis", "mpmath", "pytest", "pytest-xdist"]


def built(session: nox.Session, kind: str) -> Path:
    """The wheel or sdist of this checkout, as `twine check` lets it pass."""
    folder = Path(session.create_tmp())
    for old in folder.glob("diracs-*"):
        old.unlink()
    session.install("build", "twine")
    session.run("python", "-m", "build", f"--{kind}", "--outdir", str(folder), silent=True)
    (found,) = folder.glob("diracs-*")
    session.run("twine", "check", "--strict", str(found))
    return found


def test(session: nox.Session) -> None:
    """The suite against what is installed, not against the sources."""
    arguments = session.posargs or ["tests"]
    environment = {"OPENBLAS_NUM_THREADS": "1"}
    session.run("python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", *arguments, env=environment)


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The wheel with the newest NumPy and SciPy, and with neither PyTorch nor JAX."""
    session.install(str(built(session, "wheel")), *TESTS)
    test(session)


@nox.session(python=PYTHONS)
def full(session: nox.Session) -> None:
    """The wheel with everything that the tests know of."""
    session.install(f"{built(session, 'wheel')}[test]")
    test(session)


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """The oldest versions that are allowed. SciPy's and NumPy's own warnings of those days are not ours."""
    wheel = str(built(session, "wheel"))
    session.install(wheel, "numpy==1.24.0", "scipy==1.10.0", "array-api-compat==1.14", *TESTS)
    test(session)


@nox.session(python=PYTHONS)
def sdist(session: nox.Session) -> None:
    """The source distribution, built where it is installed."""
    session.install(str(built(session, "sdist")), *TESTS)
    test(session)
