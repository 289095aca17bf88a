"""Picture files as darkness between 0 and 1."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import IO, Any

import numpy as np

# Of red, green and blue (Rec. 709).
_LUMINANCE = (0.2126, 0.7152, 0.0722)
# Tags of TIFF files.
_BITS, _PHOTOMETRIC, _FORMAT = 258, 262, 339


def darkness(path: str | os.PathLike[str] | IO[bytes]) -> np.ndarray:
    """How dark each pixel of a picture is, rows from top to bottom: 0 for white, 1 for black.

    What is black and what is white is the file's type, never its content: 0 and the largest number of the type for
    unsigned and signed integers (255, 65 535, 2³¹ − 1, 2³² − 1), 0 and 1 for floating-point numbers. Colours count by
    their luminance, transparent pixels lie on white, and the picture stands as its orientation says.

    Raises
    ------
    ValueError
        If the file is no picture, or has numbers beyond those.
    FileNotFoundError
        If there is no file.
    ImportError
        If Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("reading pictures needs Pillow, which comes with: pip install 'diracs[plot]'") from None
    name = f" {os.fspath(path)!r}" if isinstance(path, str | os.PathLike) else ""
    with open(path, "rb") if isinstance(path, str | os.PathLike) else nullcontext(path) as file:
        try:
            picture: Any = Image.open(file)
            if picture.mode[0] in "IF":
                return _darkness_of_numbers(picture, ImageOps.exif_transpose(picture))
            pixels = np.asarray(ImageOps.exif_transpose(picture).convert("RGBA"), dtype=np.float64) / 255.0
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"cannot read the picture{name}: {error}") from None
    return pixels[..., 3] * (1.0 - pixels[..., :3] @ _LUMINANCE)


def _darkness_of_numbers(file: Any, upright: Any) -> np.ndarray:
    """Of one channel of wide integers or floats: of a file of Pillow's, and its picture in its orientation."""
    stored = np.asarray(upright)
    white, kind = _white(file)
    # Pillow holds unsigned integers as signed.
    numbers = (stored.astype(np.int64) % 2**32 if white == 2**32 - 1 else stored).astype(np.float64)
    low, high = float(numbers.min()), float(numbers.max())
    if not (low >= 0.0 and high <= white):
        raise ValueError(
            f"its {kind} numbers must lie between 0 (black) and {white:.10g} (white), got {low:.10g} … {high:.10g};"
            " scale them to that range before"
        )
    bright = numbers / white
    if _tag(file, _PHOTOMETRIC, 1) == 0:
        bright = 1.0 - bright  # white is zero
    transparent = file.info.get("transparency")
    return 1.0 - (np.where(stored == transparent, 1.0, bright) if isinstance(transparent, int) else bright)


def _white(file: Any) -> tuple[float, str]:
    """The number that stands for white, and what kind of numbers they are."""
    if file.mode[0] == "F":
        return 1.0, "floating-point"
    if file.format == "TIFF":
        bits = _tag(file, _BITS, 16)
        return (2.0 ** (bits - 1) - 1, "signed") if _tag(file, _FORMAT, 1) == 2 else (2.0**bits - 1, "unsigned")
    # Some versions of Pillow have the 16 bits of a PNG or PGM in 32.
    wide = file.mode == "I" and file.format not in ("PNG", "PPM")
    return (2.0**31 - 1, "signed") if wide else (2.0**16 - 1, "unsigned")


def _tag(file: Any, number: int, default: int) -> int:
    """The value of a TIFF file's tag, `default` in other files."""
    value = getattr(file, "tag_v2", {}).get(number, default)
    return int(value[0] if isinstance(value, tuple) else value)
