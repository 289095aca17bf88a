"""Masses of rectangles under two correlated standard normal coordinates, by Arb's rigorous quadrature."""

from __future__ import annotations

import itertools

from flint import acb, arb, ctx

from diracs.verification.balls import Ball


def rectangle_masses(first: list[Ball], second: list[Ball], rho: Ball) -> list[Ball]:
    """Of the cells between borders (m − 1,) and (n − 1,), sorted, of the two coordinates: (m n,), rows first.

    ∫ φ(x) Φ((b − ρx)/(1 − ρ²)^½) dx over each strip of x, and differences in b. Strips end at ±T, beyond which there is
    less than e^{−T²/2}.
    """
    far = (2 * ctx.prec * arb(2).log()).sqrt().upper().ceil()
    beyond = arb(0).union((-far * far / 2).exp())
    steep = (2 * (1 - rho * rho)).sqrt()
    height = 1 / (8 * arb.pi()).sqrt()
    fine = arb(2) ** (16 - ctx.prec)

    def strip(low: Ball, high: Ball, b: Ball) -> Ball:
        """Of x from low to high and y below b."""
        found = acb.integral(
            lambda x, _: height * (-x * x / 2).exp() * ((rho * x - b) / steep).erfc(),
            acb(low),
            acb(high),
            abs_tol=fine,
            rel_tol=fine,
        )
        return found.real

    ends = [-far, *(x.max(-far).min(far) for x in first), far]
    masses = []
    for i, (low, high) in enumerate(itertools.pairwise(ends)):
        outside = beyond if i in (0, len(first)) else arb(0)
        whole = ((high / arb(2).sqrt()).erf() - (low / arb(2).sqrt()).erf()) / 2
        below = [arb(0), *(strip(low, high, b) for b in second), whole]
        masses += [b - a + outside for a, b in itertools.pairwise(below)]
    return masses
