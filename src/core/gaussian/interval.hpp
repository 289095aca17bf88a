// Mass, mean and variance of the standard normal law between two borders, ±39 standing for infinity.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "numeric/gauss_legendre.hpp"

namespace diracs {

struct IntervalOfNormal {
    double mass, mean, variance;
};

namespace interval_detail {

constexpr double kFar = 39.0;
constexpr double kRoot = 0.70710678118654752440, kDensity = 0.39894228040143267794;

inline double density(double x) { return kDensity * std::exp(-0.5 * x * x); }

// From whichever tail keeps it accurate.
inline double probability(double a, double b) {
    const bool flip = a + b > 0.0;
    const double low = flip ? -b : a, high = flip ? -a : b;
    return 0.5 * (std::erfc(-kRoot * high) - std::erfc(-kRoot * low));
}

// Moments about the level, a sum of positive terms: closed forms cancel where borders are near each other.
template <int P>
IntervalOfNormal summed(double a, double b) {
    const GaussLegendre<P>& rule = gauss_legendre<P>;
    const double level = 0.5 * a + 0.5 * b, half = 0.5 * (b - a);
    double mass = 0.0, first = 0.0, second = 0.0;
    for (int i = 0; i < P; ++i) {
        const double x = half * rule.node[i], w = rule.weight[i] * density(level + x);
        mass += w;
        first += w * x;
        second += w * x * x;
    }
    if (!(mass > 0.0)) return {0.0, level, 0.0};
    const double shift = first / mass;
    return {mass * half, level + shift, std::max(second / mass - shift * shift, 0.0)};
}

}  // namespace interval_detail

inline IntervalOfNormal interval_of_normal(double a, double b) {
    using namespace interval_detail;
    const bool left = a <= -kFar, right = b >= kFar;
    if (left && right) return {1.0, 0.0, 1.0};
    const double reach = std::max(std::fabs(a), std::fabs(b)), extent = (b - a) * std::max(reach, 1.0);
    if (!left && !right) {
        if (extent <= 0.02) return summed<4>(a, b);
        if (extent <= 0.25) return summed<6>(a, b);
        if (extent <= 1.0) return summed<8>(a, b);
        if (extent <= 5.0) return summed<12>(a, b);
    }
    const double level = left ? b : right ? a : 0.5 * a + 0.5 * b;
    const double infinite = std::numeric_limits<double>::infinity();
    const double mass = probability(left ? -infinite : a, right ? infinite : b);
    if (!(mass > 0.0)) return {0.0, level, 0.0};
    const double at_a = left ? 0.0 : density(a), at_b = right ? 0.0 : density(b);
    const double slope = at_a - at_b;
    const double first = slope - level * mass;
    const double second =
        mass + (left ? 0.0 : a * at_a) - (right ? 0.0 : b * at_b) - 2.0 * level * slope + level * level * mass;
    const double shift = first / mass;
    return {mass, level + shift, std::max(second / mass - shift * shift, 0.0)};
}

}  // namespace diracs
