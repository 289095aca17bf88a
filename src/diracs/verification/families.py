"""Partial moments of univariate families in balls: ∫ t^j f(t) dt up to z, j = 0, 1, 2, in closed form.

Each is for the standard law that the class in `laws/univariate/families` documents, whose density is given there.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any, NamedTuple

from flint import arb

from diracs.laws.univariate.families.beta import Beta
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.families.inverse_gamma import InverseGamma
from diracs.laws.univariate.families.mixture import UnivariateMixture
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.families.powers import LogNormal, Pareto
from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.families.simple import Gumbel, Laplace, Logistic, Triangular, Uniform
from diracs.laws.univariate.families.student import Student
from diracs.verification.balls import Ball, exact_sum


class Partial(NamedTuple):
    """∫ t^j dP, j = 0, 1, 2."""

    mass: Ball
    first: Ball
    second: Ball

    def __add__(self, other: tuple[Ball, ...]) -> Partial:
        return Partial(*(a + b for a, b in zip(self, other)))

    def __sub__(self, other: Partial) -> Partial:
        return Partial(*(a - b for a, b in zip(self, other)))

    def times(self, factor: Ball) -> Partial:
        return Partial(*(factor * a for a in self))

    def placed(self, loc: Ball, scale: Ball) -> Partial:
        """Those of loc + scale t."""
        m, f, s = self
        return Partial(m, loc * m + scale * f, loc * loc * m + 2 * loc * scale * f + scale * scale * s)

    def about(self, y: Ball) -> Ball:
        """∫ (t − y)² dP."""
        return self.second - 2 * y * self.first + y * y * self.mass


NOTHING = Partial(arb(0), arb(0), arb(0))


def normal(z: Ball) -> Partial:
    """Of N(0, 1): Φ, −φ, Φ − zφ."""
    mass = (-z / arb(2).sqrt()).erfc() / 2
    height = (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
    return Partial(mass, -height, mass - z * height)


@singledispatch
def whole(family: Any) -> Partial:
    """1, E z, E z²."""
    raise TypeError(f"the family {type(family).__name__} has no partial moments in closed form")


@singledispatch
def partial(family: Any, z: Ball) -> Partial:
    """Those up to z."""
    raise TypeError(f"the family {type(family).__name__} has no partial moments in closed form")


@whole.register
def _(family: Uniform) -> Partial:
    return Partial(arb(1), arb(1) / 2, arb(1) / 3)


@partial.register
def _(family: Uniform, z: Ball) -> Partial:
    z = z.max(arb(0)).min(arb(1))
    return Partial(z, z * z / 2, z**3 / 3)


@whole.register
def _(family: Triangular) -> Partial:
    return partial(family, arb(1))


@partial.register
def _(family: Triangular, z: Ball) -> Partial:
    c = arb(family.mode)
    out = NOTHING
    if family.mode > 0:
        x = z.max(arb(0)).min(c)
        out = Partial(x**2 / c, 2 * x**3 / (3 * c), x**4 / (2 * c))
    if family.mode < 1:
        x = z.max(c).min(arb(1))
        high, low = (Partial(2 * t - t**2, t**2 - 2 * t**3 / 3, 2 * t**3 / 3 - t**4 / 2) for t in (x, c))
        out = out + (high - low).times(1 / (1 - c))
    return out


@whole.register
def _(family: Laplace) -> Partial:
    return Partial(arb(1), arb(0), arb(2))


@partial.register
def _(family: Laplace, z: Ball) -> Partial:
    x = z.min(arb(0))
    fall = x.exp() / 2
    out = Partial(fall, (x - 1) * fall, (x * x - 2 * x + 2) * fall)
    x = z.max(arb(0))
    fall, half = (-x).exp() / 2, arb(1) / 2
    return out + Partial(half - fall, half - (x + 1) * fall, 1 - (x * x + 2 * x + 2) * fall)


@whole.register
def _(family: Logistic) -> Partial:
    return Partial(arb(1), arb(0), arb.pi() ** 2 / 3)


@partial.register
def _(family: Logistic, z: Ball) -> Partial:
    """With the dilogarithm: (z²F − 2z ln(1 + eᶻ) − 2 Li₂(−eᶻ))′ = z² F′."""
    mass, log = 1 / (1 + (-z).exp()), z.exp().log1p()
    return Partial(mass, z * mass - log, z * z * mass - 2 * z * log - 2 * (-z.exp()).polylog(2))


@whole.register
def _(family: Gumbel) -> Partial:
    mean = arb.const_euler()
    return Partial(arb(1), mean, mean**2 + arb.pi() ** 2 / 6)


@partial.register
def _(family: Gumbel, z: Ball) -> Partial:
    """With t = e⁻ᶻ: E₁ and J = ∫_t^∞ ln u e⁻ᵘ/u du, from the derivative in s of Γ(s, t) at 0."""
    t, log, euler = (-z).exp(), -z, arb.const_euler()
    mass, integral = (-t).exp(), t.gamma_upper(arb(0))
    series = -t * (-t).hypgeom([1, 1, 1], [2, 2, 2])
    inner = euler**2 / 2 + arb.pi() ** 2 / 12 - log**2 / 2 + log * (integral + euler + log) + series
    return Partial(mass, -(log * mass + integral), log**2 * mass + 2 * inner)


@whole.register
def _(family: GeneralizedGamma) -> Partial:
    a, k = arb(family.alpha), arb(family.power)
    return Partial(*((a + j / k).gamma() / a.gamma() for j in range(3)))


@partial.register
def _(family: GeneralizedGamma, z: Ball) -> Partial:
    """Γ(α + j/k)/Γ(α) · P(α + j/k, zᵏ)."""
    if z <= 0:
        return NOTHING
    a, k = arb(family.alpha), arb(family.power)
    below = ((z**k).gamma_lower(a + j / k, 1) for j in range(3))
    return Partial(*(x * y for x, y in zip(whole(family), below)))


@whole.register
def _(family: InverseGamma) -> Partial:
    a, k = arb(family.alpha), arb(family.power)
    return Partial(*((a - j / k).gamma() / a.gamma() for j in range(3)))


@partial.register
def _(family: InverseGamma, z: Ball) -> Partial:
    """Γ(α − j/k)/Γ(α) · Q(α − j/k, z⁻ᵏ)."""
    if z <= 0:
        return NOTHING
    a, k = arb(family.alpha), arb(family.power)
    below = ((z ** (-k)).gamma_upper(a - j / k, 1) for j in range(3))
    return Partial(*(x * y for x, y in zip(whole(family), below)))


@whole.register
def _(family: Beta) -> Partial:
    a, b = arb(family.a), arb(family.b)
    mean = a / (a + b)
    return Partial(arb(1), mean, mean * (a + 1) / (a + b + 1))


@partial.register
def _(family: Beta, z: Ball) -> Partial:
    """Ratios of moments times I_z(a + j, b)."""
    if z <= 0:
        return NOTHING
    if z >= 1:
        return whole(family)
    below = (z.beta_lower(arb(family.a) + j, arb(family.b), 1) for j in range(3))
    return Partial(*(x * y for x, y in zip(whole(family), below)))


@whole.register
def _(family: Student) -> Partial:
    nu = arb(family.nu)
    return Partial(arb(1), arb(0), nu / (nu - 2))


@partial.register
def _(family: Student, z: Ball) -> Partial:
    """By the Stein kernel τ = (ν + z²)/(ν − 1): (τf)′ = −zf, (ν − 2)/(ν − 1) ∫ t²f = ν/(ν − 1) F − zτf."""
    nu = arb(family.nu)
    if z * z > nu:
        tail = (nu / (nu + z * z)).beta_lower(nu / 2, arb(1) / 2, 1) / 2
        mass = tail if z < 0 else 1 - tail
    else:
        # From the middle, where tails are 1/2 less something small.
        part = (z * z / (nu + z * z)).beta_lower(arb(1) / 2, nu / 2, 1) / 2
        mass = arb(1) / 2 + (part if z > 0 else -part if z < 0 else part.union(-part))
    beta = (nu / 2).gamma() * arb.pi().sqrt() / ((nu + 1) / 2).gamma()
    height = (1 + z * z / nu) ** (-(nu + 1) / 2) / (nu.sqrt() * beta)
    kernel = (nu + z * z) / (nu - 1)
    second = (nu - 1) / (nu - 2) * (nu / (nu - 1) * mass - z * kernel * height)
    return Partial(mass, -kernel * height, second)


@whole.register
def _(family: LogNormal) -> Partial:
    s = arb(family.s)
    return Partial(*((j * j * s * s / 2).exp() for j in range(3)))


@partial.register
def _(family: LogNormal, z: Ball) -> Partial:
    """e^{j²s²/2} Φ(ln z/s − js)."""
    if z <= 0:
        return NOTHING
    s = arb(family.s)
    below = (normal(z.log() / s - j * s).mass for j in range(3))
    return Partial(*(x * y for x, y in zip(whole(family), below)))


@whole.register
def _(family: Pareto) -> Partial:
    b = arb(family.b)
    return Partial(*(b / (b - j) for j in range(3)))


@partial.register
def _(family: Pareto, z: Ball) -> Partial:
    b, x = arb(family.b), z.max(arb(1))
    return Partial(*(b / (b - j) * (1 - x ** (j - b)) for j in range(3)))


@whole.register
def _(family: TruncatedNormal) -> Partial:
    low, high = _ends(family)
    found = high - low
    return found.times(1 / found.mass)


@partial.register
def _(family: TruncatedNormal, z: Ball) -> Partial:
    low, high = _ends(family)
    x = z if math.isinf(family.low) else z.max(arb(family.low))
    x = x if math.isinf(family.high) else x.min(arb(family.high))
    return (normal(x) - low).times(1 / (high.mass - low.mass))


def _ends(family: TruncatedNormal) -> tuple[Partial, Partial]:
    low = NOTHING if math.isinf(family.low) else normal(arb(family.low))
    high = Partial(arb(1), arb(0), arb(1)) if math.isinf(family.high) else normal(arb(family.high))
    return low, high


@whole.register
def _(family: Reflected) -> Partial:
    mass, first, second = whole(family.law)
    return Partial(mass, -first, second)


@partial.register
def _(family: Reflected, z: Ball) -> Partial:
    mass, first, second = whole(family.law) - partial(family.law, -z)
    return Partial(mass, -first, second)


@whole.register
def _(family: UnivariateMixture) -> Partial:
    return _mixed(family, [whole(part) for part in family.families])


@partial.register
def _(family: UnivariateMixture, z: Ball) -> Partial:
    placed = zip(family.families, family.locs, family.scales)
    return _mixed(family, [partial(part, (z - arb(loc)) / arb(scale)) for part, loc, scale in placed])


def _mixed(family: UnivariateMixture, found: list[Partial]) -> Partial:
    total, out = exact_sum(family.weights), NOTHING
    for part, weight, loc, scale in zip(found, family.weights, family.locs, family.scales):
        out = out + part.placed(arb(loc), arb(scale)).times(arb(weight) / total)
    return out
