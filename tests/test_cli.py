"""The command line: files in and out, the table, and one clear line for every mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from optional import optional

import diracs
from diracs.show import files

pytest.importorskip("typer")

from diracs.cli import app

Image = optional("PIL.Image")
CliRunner = optional("typer.testing").CliRunner

MIXTURE = {"means": [[0, 0], [1, 1], [2, 0]], "covs": [1, 1, 1], "weights": [0.3, 0.4, 0.3]}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the tool in a folder that holds mixture.json, in a terminal wide enough for every line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "mixture.json").write_text(json.dumps(MIXTURE))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def row(output: str, name: str) -> str:
    """The value of a row of the table."""
    (value,) = re.findall(rf"│ {name} +│ (.*?) *│", output)
    return value


def test_points_file_picture_and_table(run, tmp_path):
    result = run("quantize", "mixture.json", "-n", "20", "-o", "q.npz", "--plot", "q.png")
    assert result.exit_code == 0, result.output
    q = files.load(tmp_path / "q.npz")
    assert len(q) <= 20
    expected = diracs.quantize(diracs.GaussianMixture(**MIXTURE), 20)
    np.testing.assert_array_equal(q.positions, expected.positions)
    assert (tmp_path / "q.png").read_bytes().startswith(b"\x89PNG")
    assert row(result.output, "points") == f"{len(q)} in dimension 2"
    relation, shown = row(result.output, "certificate").removeprefix("W₂ ").split()
    assert relation == ("=" if q.exact else "≤")
    assert q.w2 <= float(shown) <= q.w2 * 1.001
    assert float(row(result.output, "lower bound").split()[2]) <= q.w2_lower
    # The saved quantization prints the same table.
    table = result.stdout[: result.stdout.rindex("┘") + 1]
    assert run("info", "q.npz").stdout.strip() == table.strip()


def test_w2_gives_points_that_reach_it(run, tmp_path):
    result = run("quantize", "mixture.json", "--w2", "0.5", "-o", "q.json")
    assert result.exit_code == 0, result.output
    q = files.load(tmp_path / "q.json")
    assert q.w2 <= 0.5
    fewer = diracs.quantize(diracs.GaussianMixture(**MIXTURE), len(q) - 1)
    assert fewer.w2 > 0.5


@pytest.mark.parametrize("scheme", ["auto", "grid", "cross", "product"])
def test_schemes(run, tmp_path, scheme):
    result = run("quantize", "mixture.json", "-n", "12", "--scheme", scheme, "-o", "q.npz")
    assert result.exit_code == 0, result.output
    expected = diracs.quantize(diracs.GaussianMixture(**MIXTURE), 12, scheme=scheme)
    assert files.load(tmp_path / "q.npz").w2 == expected.w2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quantize", "mixture.json"], "exactly one of -n"),
        (["quantize", "mixture.json", "-n", "3", "--w2", "0.1"], "exactly one of -n"),
        (["quantize", "mixture.json", "-n", "0"], "at least 1"),
        (["quantize", "mixture.json", "--w2", "-1"], "above zero"),
        (["quantize", "absent.json", "-n", "3"], "absent.json: No such file"),
        (["quantize", "mixture.txt", "-n", "3"], ".npz or .json"),
        (["quantize", "broken.json", "-n", "3"], "broken.json is not a JSON file"),
        (["quantize", "partial.json", "-n", "3"], "covs missing"),
        (["quantize", "mixture.json", "-n", "3", "-o", "q.pkl"], ".npz or .json"),
        (["quantize", "mixture.json", "-n", "3", "--plot", "q.xyz"], "must end in one of"),
        (["quantize", "mixture.json", "-n", "3", "-o", "no/such/folder/q.npz"], "does not exist"),
        (["info", "mixture.json"], "does not hold a quantization"),
        (["info", "absent.npz"], "absent.npz: No such file"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(run, tmp_path, arguments, message):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "partial.json").write_text('{"means": [[0]]}')
    result = run(*arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not list(tmp_path.glob("q.*"))


@pytest.mark.parametrize(
    "arguments", [["quantize", "mixture.json", "-n", "many"], ["quantize", "mixture.json", "--scheme", "x"], ["draw"]]
)
def test_usage_errors_have_code_2(run, arguments):
    assert run(*arguments).exit_code == 2


def test_help_teaches_by_example(run):
    for arguments in (["--help"], ["quantize", "--help"]):
        result = run(*arguments)
        assert result.exit_code == 0
        assert "diracs quantize mixture.json -n 100 -o points.npz --plot points.png" in result.output
    assert "Example" in run("info", "--help").output


def test_the_mixture_that_help_shows_works(run, tmp_path):
    (shown,) = re.findall(r'\{"means".*\}', run("--help").output)
    (tmp_path / "shown.json").write_text(shown)
    assert run("quantize", "shown.json", "-n", "4").exit_code == 0


PAGE = Path(__file__).parent.parent / "docs" / "command_line.md"


def test_every_law_that_the_page_or_help_shows_works(run, tmp_path):
    shown = (re.findall(r"\{\".*\}", text) for text in (PAGE.read_text(), run("quantize", "--help").output))
    for texts in shown:
        assert len(texts) == 9
        for text in texts:
            (tmp_path / "law.json").write_text(text)
            result = run("quantize", "law.json", "-n", "4", "-o", "q.npz")
            assert result.exit_code == 0, result.output
            assert len(files.load(tmp_path / "q.npz")) <= 4


def test_the_law_is_the_one_that_is_described(run, tmp_path):
    (tmp_path / "law.json").write_text('{"family": "gamma", "a": 2.0, "loc": 0, "scale": 3}')
    assert run("quantize", "law.json", "-n", "4", "-o", "q.npz", "--plot", "q.png").exit_code == 0
    assert files.load(tmp_path / "q.npz").w2 == diracs.quantize(scipy.stats.gamma(2, scale=3), 4).w2
    np.savez(tmp_path / "cloud.npz", points=np.arange(6.0)[:, None])
    assert run("quantize", "cloud.npz", "-n", "2", "-o", "q.npz").exit_code == 0
    assert files.load(tmp_path / "q.npz").positions.tolist() == [[1.0], [4.0]]


def test_version(run):
    assert run("--version").output.strip() == f"diracs {diracs.__version__}"


def test_batch_is_refused(run):
    law = diracs.GaussianMixture(np.zeros((3, 1, 1)), np.ones((3, 1)))
    diracs.discretize(law, diracs.ProductScheme((diracs.ScalarCodebook([0.0, 1.0]),))).save("batch.npz")
    result = run("info", "batch.npz")
    assert result.exit_code == 2
    assert "batch of shape (3,)" in result.stderr


def test_missing_typer_says_what_to_install():
    code = "import sys; sys.modules['typer'] = None; import diracs.cli"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.strip() == "the command line tool needs typer and rich: pip install 'diracs[cli]'"


def test_stipple_writes_positions_and_picture(tmp_path):
    from matplotlib.image import imsave

    photo = tmp_path / "photo.png"
    imsave(photo, np.linspace(0, 1, 300).reshape(15, 20), cmap="gray")
    output, plot = tmp_path / "points.npz", tmp_path / "out.png"
    arguments = ["stipple", str(photo), "-n", "50", "-o", str(output), "--plot", str(plot), "--iterations", "3"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    positions = np.load(output)["positions"]
    assert positions.shape == (50, 2)
    # Rows go from dark to bright, from the top down: dots gather above.
    assert (positions[:, 1] > 7.5).mean() > 0.6
    assert plot.stat().st_size > 1000


def test_stipples_are_as_dark_as_the_picture_and_fill_the_sheet(tmp_path):
    rows, columns = 60, 90
    grey = np.broadcast_to(np.linspace(40, 230, columns), (rows, columns)).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = 6  # taken with the camera turned
    Image.fromarray(grey).save(tmp_path / "photo.png", exif=exif)
    arguments = ["-n", "600", "--iterations", "5", "-o", str(tmp_path / "y.npz"), "--plot", str(tmp_path / "out.png")]
    result = CliRunner().invoke(app, ["stipple", str(tmp_path / "photo.png"), *arguments])
    assert result.exit_code == 0, result.output
    # Upright: 60 wide, 90 high, and dark above.
    positions = np.load(tmp_path / "y.npz")["positions"]
    assert positions[:, 0].max() < 60 < positions[:, 1].max() < 90
    assert (positions[:, 1] > 45).mean() > 0.6
    drawn = 1.0 - np.asarray(Image.open(tmp_path / "out.png").convert("L")) / 255.0
    assert drawn.shape[0] / drawn.shape[1] == pytest.approx(1.5, rel=0.01)
    # Neighbouring discs overlap a little where it is darkest.
    ink = 1.0 - grey.mean() / 255.0
    assert 0.93 * ink < drawn.mean() < 1.01 * ink
    margin = drawn.shape[0] // 20
    assert all(side.any() for side in (drawn[:margin], drawn[-margin:], drawn[:, :margin], drawn[:, -margin:]))


def test_stipple_needs_something_dark(tmp_path):
    Image.new("L", (5, 4), 255).save(tmp_path / "white.png")
    result = CliRunner().invoke(app, ["stipple", str(tmp_path / "white.png"), "-o", str(tmp_path / "y.npz")])
    assert result.exit_code == 2
    assert "white all over" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["-o", "points.txt"], ["--plot", "nowhere/out.png"]])
def test_stipple_says_what_is_wrong(tmp_path, arguments):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"no picture")
    result = CliRunner().invoke(app, ["stipple", str(photo), *arguments])
    assert result.exit_code == 2
    assert "error" in result.output
