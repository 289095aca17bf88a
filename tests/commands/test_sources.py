"""What is read: tables of samples in any dress, pictures, points that commands wrote, standard input."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from optional import optional

import diracs
from diracs.commands.sources import law_from, points_from

Image = optional("PIL.Image")

SAMPLES = [[0.0, 1.5], [2.0, -3.0], [1e-3, 4e5]]


@pytest.mark.parametrize(
    "text",
    [
        "0,1.5\n2,-3\n1e-3,4e5\n",
        "x,y\n0,1.5\n2,-3\n1e-3,4e5\n",
        "x; y\r\n0;1.5\r\n2;-3\r\n\r\n1e-3;4e5",
        "0\t1.5\n2\t-3\n1e-3\t4e5\n",
        "\n0 1.5\n 2  -3\n1e-3 4e5\n",
        '\ufeff"first","second"\n0,1.5\n2,-3\n1e-3,4e5\n',
    ],
)
def test_tables_with_and_without_titles(tmp_path, text):
    path = tmp_path / "samples.csv"
    path.write_text(text, encoding="utf-8")
    points = points_from(path)
    assert points.positions.tolist() == SAMPLES and points.weights.tolist() == [1 / 3] * 3


def test_a_column_of_masses(tmp_path):
    path = tmp_path / "samples.csv"
    path.write_text("x,Weight,y\n0,1,5\n1,3,6\n")
    points = points_from(path)
    assert points.positions.tolist() == [[0.0, 5.0], [1.0, 6.0]] and points.weights.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no samples"),
        ("x,y\n", "holds no samples"),
        ("mass\n1\n", "holds no samples"),
        ("0,1\n2\n", "a number in each column of each line"),
        ("0,1\n2,\n", "a number in each column of each line"),
        ("0,1\n2,nan\n", "finite"),
        ("x,mass,weight\n0,1,2\n", "one column of masses, got mass, weight"),
    ],
)
def test_tables_that_are_none(tmp_path, text, message):
    path = tmp_path / "samples.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        points_from(path)


def test_parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "samples.parquet"
    pandas.DataFrame({"x": [0.0, 1.0], "y": [5.0, 6.0], "weight": [1, 3]}).to_parquet(path)
    assert points_from(path).positions.tolist() == [[0.0, 5.0], [1.0, 6.0]]
    assert points_from(path).weights.tolist() == [0.25, 0.75]


def test_a_picture_is_as_dense_as_it_is_dark(tmp_path):
    Image.fromarray(np.array([[0, 255, 255], [255, 255, 51]], dtype=np.uint8)).save(tmp_path / "p.png")
    law = law_from(tmp_path / "p.png")
    assert law.domain.tolist() == [[0.0, 0.0], [3.0, 2.0]]
    # First axis to the right, second one upwards.
    np.testing.assert_allclose(law.values, np.array([[0.0, 1.0], [0.0, 0.0], [0.8, 0.0]]) / 1.8)


def test_points_of_other_commands(tmp_path):
    q = diracs.quantize(diracs.Gaussian([0.0, 0.0], 1.0), 4)
    for name in ("q.npz", "q.json"):
        q.save(tmp_path / name)
        np.testing.assert_array_equal(points_from(tmp_path / name).positions, q.positions)
        np.testing.assert_array_equal(points_from(tmp_path / name).weights, q.weights)
    np.savez(tmp_path / "dots.npz", positions=q.positions, weights=q.weights)
    np.testing.assert_array_equal(points_from(tmp_path / "dots.npz").positions, q.positions)


@pytest.mark.parametrize("kind", ["json", "npz", "csv", "png"])
def test_standard_input_is_what_it_looks_like(run, kind):
    stream = io.BytesIO()
    if kind == "json":
        stream.write(b'  {"points": [[0, 0], [1, 1]]}')
    elif kind == "npz":
        np.savez(stream, points=np.array([[0.0, 0.0], [1.0, 1.0]]))
    elif kind == "csv":
        stream.write(b"0,0\n1,1\n")
    else:
        Image.fromarray(np.zeros((1, 1), dtype=np.uint8)).save(stream, "PNG")
    result = run("quantize", "-", "-n", "2", "--json", stdin=stream.getvalue())
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["dimension"] == 2 and found["points"] == 2
    assert found["w2"] == 0.0 or kind == "png"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("law.xyz", b"", "must end in .csv, .tsv, .parquet, .npz or .json"),
        ("law.npz", b"nothing", "is not an .npz file"),
        ("law.json", b"\xff\xfe", "is not a JSON file"),
        ("law.png", b"nothing", "cannot read the picture"),
    ],
)
def test_files_that_are_none(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        law_from(tmp_path / name)
    assert name in str(caught.value)


def test_points_are_asked_for(run):
    result = run("transport", "mixture.json", "mixture.json")
    assert result.exit_code == 2
    assert "mixture.json must hold points, but it describes a GaussianMixture" in result.stderr
