"""Pictures as darkness: the file's type says what black and white are, and the picture stands as it was taken."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from optional import optional

from diracs.show.pictures import darkness

Image = optional("PIL.Image")

STEPS = np.array([[0, 64, 128], [192, 224, 255]], dtype=np.uint8)
EXPECTED = 1.0 - STEPS / 255.0


def saved(path, picture, **options):
    """Darkness of a Pillow picture after a trip through a file."""
    picture.save(path, **options)
    return darkness(path)


def test_grey_and_colour(tmp_path):
    np.testing.assert_allclose(saved(tmp_path / "l.png", Image.fromarray(STEPS)), EXPECTED)
    rgb = Image.fromarray(np.stack([STEPS] * 3, axis=-1))
    np.testing.assert_allclose(saved(tmp_path / "rgb.png", rgb), EXPECTED)
    pure = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8))
    np.testing.assert_allclose(saved(tmp_path / "pure.png", pure), [[1 - 0.2126, 1 - 0.7152, 1 - 0.0722]])


def test_the_range_is_never_guessed_from_the_data(tmp_path):
    # Values 0 and 1 of 255 are all but black; so are small numbers of wider types.
    faint = np.array([[0, 1]])
    np.testing.assert_allclose(saved(tmp_path / "8.png", Image.fromarray(faint.astype(np.uint8))), [[1, 254 / 255]])
    for suffix in ("png", "tif"):
        wide = Image.fromarray(faint.astype(np.uint16))
        np.testing.assert_allclose(saved(tmp_path / f"16.{suffix}", wide), [[1, 1 - 1 / 65535]])
    signed = Image.fromarray(faint.astype(np.int32))
    np.testing.assert_allclose(saved(tmp_path / "32.tif", signed), [[1, 1 - 1 / (2**31 - 1)]], rtol=1e-15)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits(tmp_path, suffix):
    values = np.array([[0, 1000, 256], [40_000, 65_000, 65_535]], dtype=np.uint16)
    np.testing.assert_allclose(saved(tmp_path / f"x.{suffix}", Image.fromarray(values)), 1.0 - values / 65535.0)


def test_thirty_two_bits(tmp_path):
    values = np.array([[0, 2**30, 2**31 - 1]], dtype=np.int32)
    np.testing.assert_allclose(saved(tmp_path / "i.tif", Image.fromarray(values)), 1.0 - values / (2**31 - 1))
    # Of unsigned numbers, the upper half comes from Pillow as negative.
    path = tmp_path / "u.tif"
    Image.fromarray(np.array([[0, 2**31, 2**32 - 1]], dtype=np.uint32).view(np.int32)).save(path)
    # The sample format's entry, from signed to unsigned, which Pillow does not write.
    signed, unsigned = (struct.pack("<HHIHH", 339, 3, 1, kind, 0) for kind in (2, 1))
    content = path.read_bytes()
    assert content.count(signed) == 1
    path.write_bytes(content.replace(signed, unsigned))
    np.testing.assert_allclose(darkness(path), [[1.0, 1.0 - 2**31 / (2**32 - 1), 0.0]], atol=1e-15)


def test_floats_are_between_zero_and_one(tmp_path):
    values = np.array([[0.0, 0.25, 1.0]], dtype=np.float32)
    np.testing.assert_allclose(saved(tmp_path / "f.tif", Image.fromarray(values)), 1.0 - values)


@pytest.mark.parametrize("values", [[0.0, 255.0], [-0.1, 1.0], [0.0, np.nan]])
def test_other_floats_are_refused(tmp_path, values):
    with pytest.raises(ValueError, match=r"floating-point numbers must lie between 0 \(black\) and 1 \(white\)"):
        saved(tmp_path / "f.tif", Image.fromarray(np.array([values], dtype=np.float32)))


def test_negative_integers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="signed numbers must lie between 0"):
        saved(tmp_path / "i.tif", Image.fromarray(np.array([[-1, 5]], dtype=np.int32)))


def test_white_may_be_zero(tmp_path):
    values = np.array([[0, 65_535]], dtype=np.uint16)
    found = saved(tmp_path / "x.tif", Image.fromarray(values), tiffinfo={262: 0})
    np.testing.assert_allclose(found, [[0.0, 1.0]])


def test_what_is_transparent_lies_on_white(tmp_path):
    alpha = np.array([[255, 128, 0]], dtype=np.uint8)
    black = Image.fromarray(np.stack([np.zeros_like(alpha)] * 3 + [alpha], axis=-1))
    np.testing.assert_allclose(saved(tmp_path / "rgba.png", black), alpha / 255.0)
    grey = Image.merge("LA", [Image.fromarray(np.full_like(alpha, 100)), Image.fromarray(alpha)])
    np.testing.assert_allclose(saved(tmp_path / "la.png", grey), alpha / 255.0 * (1.0 - 100 / 255.0))
    # One colour of a picture without an alpha channel.
    found = saved(tmp_path / "key.png", Image.fromarray(np.array([[0, 7]], dtype=np.uint8)), transparency=0)
    np.testing.assert_allclose(found, [[0.0, 1.0 - 7 / 255.0]])
    found = saved(tmp_path / "key16.png", Image.fromarray(np.array([[0, 7]], dtype=np.uint16)))
    np.testing.assert_allclose(found, [[1.0, 1.0 - 7 / 65535.0]])


def test_palettes(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([255, 255, 255, 0, 0, 0, 100, 100, 100])
    picture.putdata([0, 1, 2])
    np.testing.assert_allclose(saved(tmp_path / "p.png", picture), [[0.0, 1.0, 1.0 - 100 / 255.0]], atol=1e-12)
    np.testing.assert_allclose(
        saved(tmp_path / "t.png", picture, transparency=1), [[0.0, 0.0, 1.0 - 100 / 255.0]], atol=1e-12
    )
    np.testing.assert_allclose(saved(tmp_path / "p.gif", picture), [[0.0, 1.0, 1.0 - 100 / 255.0]], atol=1e-12)


def test_inks_and_bilevel(tmp_path):
    picture = Image.merge(
        "CMYK", [Image.new("L", (2, 1))] * 3 + [Image.fromarray(np.array([[0, 255]], dtype=np.uint8))]
    )
    for suffix in ("tif", "jpg"):
        np.testing.assert_allclose(saved(tmp_path / f"cmyk.{suffix}", picture), [[0.0, 1.0]], atol=0.02)
    bits = Image.fromarray(np.array([[True, False, True]]))
    for suffix in ("png", "tif"):
        np.testing.assert_allclose(saved(tmp_path / f"bits.{suffix}", bits), [[0.0, 1.0, 0.0]], atol=1e-12)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(1, lambda a: a), (3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)],
)
@pytest.mark.parametrize("name", ["x.png", "x.tif", "wide.png", "wide.tif"])
def test_pictures_stand_as_they_were_taken(tmp_path, orientation, turn, name):
    values = STEPS.astype(np.uint16) * 257 if name.startswith("wide") else STEPS
    exif = Image.Exif()
    exif[274] = orientation
    np.testing.assert_allclose(saved(tmp_path / name, Image.fromarray(values), exif=exif), turn(EXPECTED))


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"cannot read the picture .*text\.png"):
        darkness(tmp_path / "text.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50), dtype=np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cannot read the picture .*half\.png"):
        darkness(tmp_path / "half.png")
    with pytest.raises(FileNotFoundError):
        darkness(tmp_path / "absent.png")
