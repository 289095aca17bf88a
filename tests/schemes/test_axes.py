"""Points over independent axes, against all ways to share them."""

import itertools

import numpy as np
import pytest

from diracs.schemes.axes import allocated


@pytest.mark.parametrize("n", [1, 2, 7, 24, 41])
def test_against_all_products(n: int) -> None:
    weights = np.array([5.0, 1.0, 0.3])
    distortions = [lambda m: m**-2.0, lambda m: 1.0 / (m * m + 0.3 * m), lambda m: m**-1.5]
    numbers, error = allocated(weights, distortions, n)
    best = min(
        sum(w * f(m) for w, f, m in zip(weights, distortions, some))
        for some in itertools.product(range(1, n + 1), repeat=3)
        if np.prod(some) <= n
    )
    assert np.prod(numbers) <= n
    assert error == pytest.approx(best, rel=1e-6)
    assert sum(w * f(m) for w, f, m in zip(weights, distortions, numbers)) == pytest.approx(best, rel=1e-6)
