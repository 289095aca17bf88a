// One component of a Gaussian mixture, and the coordinates in which it is standard.
#pragma once

#include <cmath>
#include <stdexcept>

#include "numeric/expansion.hpp"
#include "gaussian/gaussian_fan.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Components whose density, by weight, is exp(−45) = 3e-20 of another's are left out.
constexpr double kNegligible = 45.0;

// N(μ, L Lᵀ), L = [[l11, 0], [l21, l22]].
struct GaussianComponent {
    Vec2 mean;
    double l11, l21, l22;
    double weight, log_weight, log_density;  // of the weight, and of the weight over |L|
    double variance_x, variance_y;
    double inverse11, inverse22, stretch;  // of L, and the norm of L⁻¹

    // The covariance is [[xx, xy], [xy, yy]].
    GaussianComponent(Vec2 mean, double xx, double xy, double yy, double weight)
        : mean(mean), weight(weight), variance_x(xx), variance_y(yy) {
        l11 = std::sqrt(xx);
        l21 = xy / l11;
        // xx yy − xy² exactly, so that a narrow component keeps its determinant; scaled, so that nothing underflows.
        const int e = std::ilogb(xx), f = std::ilogb(yy);
        const double scaled = std::ldexp(xx, -e);
        const auto determinant2 =
            exact_product(scaled, std::ldexp(yy, -f)) - exact_product(std::ldexp(xy, -e), std::ldexp(xy, -f));
        l22 = std::sqrt(std::ldexp(determinant2.estimate() / scaled, f));
        if (!(l11 > 0.0 && l22 > 0.0)) throw std::invalid_argument("covariances must be positive definite");
        inverse11 = 1.0 / l11, inverse22 = 1.0 / l22;
        const double half = trace() / 2.0, low = determinant() * determinant();
        stretch = std::sqrt(half + std::sqrt(std::fmax(0.0, half * half - low))) / determinant();
        log_weight = std::log(weight);
        log_density = log_weight - std::log(l11) - std::log(l22);
    }

    Vec2 whiten(Vec2 x) const {
        const double u = x.x * inverse11;
        return {u, (x.y - l21 * u) * inverse22};
    }
    Vec2 color(Vec2 u) const { return {l11 * u.x, l21 * u.x + l22 * u.y}; }
    Vec2 transposed(Vec2 n) const { return {l11 * n.x + l21 * n.y, l22 * n.y}; }  // Lᵀ n
    // −log of the density at μ + L c + d over that at μ + L c.
    FanExponent exponent(Vec2 c) const {
        const double slant = l21 * inverse11, y = c.y * inverse22, yy = inverse22 * inverse22;
        return {{c.x * inverse11 - slant * y, y}, inverse11 * inverse11 + slant * slant * yy, -2.0 * slant * yy, yy};
    }
    double trace() const { return variance_x + variance_y; }
    double determinant() const { return l11 * l22; }  // of L
};

}  // namespace diracs
