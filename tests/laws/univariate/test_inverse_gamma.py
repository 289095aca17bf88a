"""Powers of inverse gamma laws against scipy's inverse gamma law and quadrature."""

import math

import numpy as np
import pytest
import scipy.stats as st

from diracs.laws.univariate.families.inverse_gamma import InverseGamma


@pytest.mark.parametrize("alpha", [2.1, 3.0, 30.0])
def test_the_inverse_gamma_law(alpha):
    law, known = InverseGamma(alpha), st.invgamma(alpha)
    z = known.ppf([0.01, 0.3, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(law.pdf(z), known.pdf(z), rtol=1e-11)
    np.testing.assert_allclose(law.cdf(z), known.cdf(z), rtol=1e-11)
    np.testing.assert_allclose(law.sf(z), known.sf(z), rtol=1e-11)
    np.testing.assert_allclose(law.ppf(known.cdf(z)), z, rtol=1e-9)
    np.testing.assert_allclose(law.isf(known.sf(z)), z, rtol=1e-9)
    assert law.mean == pytest.approx(1 / (alpha - 1), rel=1e-11)
    assert law.variance == pytest.approx(1 / ((alpha - 1) ** 2 * (alpha - 2)), rel=1e-9)
    assert law.entropy == pytest.approx(float(known.entropy()), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("nu", [2.5, 6.0, 200.0])
def test_the_scale_of_student(nu):
    """E s² = ν/(ν − 2), also of tails: beyond b it is that of the gamma law below ν/2b² of one degree less."""
    law, size = InverseGamma(0.5 * nu, 2.0), 0.5 * nu
    assert size * (law.variance + law.mean**2) == pytest.approx(nu / (nu - 2), rel=1e-9)
    b = float(law.isf(np.array(1e-3)))
    far = law.moments(np.zeros(1), np.array([b, np.inf]))
    exact = st.gamma(0.5 * nu - 1).cdf(b**-2) / (0.5 * nu - 1)
    assert far.second[0] == pytest.approx(exact, rel=1e-10)
    assert far.mass[0] == pytest.approx(1e-3, rel=1e-9)
    assert far.second_error[0] < 1e-9 * far.second[0]
    # d/dz of (z^k)'s law: the slope is that of the logarithm of the density.
    z = np.array([0.5, 1.0, 2.0]) * law.mean
    step = 1e-6 * z
    np.testing.assert_allclose(
        law.slope(z), (np.log(law.pdf(z + step)) - np.log(law.pdf(z - step))) / (2 * step), rtol=1e-5
    )
    assert math.isfinite(law.entropy)
