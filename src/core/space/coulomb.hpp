// Coulomb's potential C(r) = erf(r/√2)/r of a standard normal density, the rest E(r) = erfc(r/√2)/r of that of a point, and
// divided differences of both in q = r², without cancellation.
#pragma once

#include <cmath>

namespace diracs::space::detail {

constexpr double kRoot2OverPi = 0.79788456080286535588;
constexpr double kInverseRoot2 = 0.70710678118654752440;

// C as a function of q = r².
inline double coulomb(double q) {
    if (q > 5e-3) {
        const double r = std::sqrt(q);
        return std::erf(r * kInverseRoot2) / r;
    }
    return kRoot2OverPi * (1.0 - q / 6.0 * (1.0 - q * 3.0 / 20.0 * (1.0 - q * 5.0 / 42.0 * (1.0 - q * 7.0 / 72.0))));
}

inline double screened(double q) {
    const double r = std::sqrt(q);
    return std::erfc(r * kInverseRoot2) / r;
}

// (C(q) − C(q₀))/(q − q₀), given the values at both; q ≥ q₀.
inline double coulomb_slope(double q, double c, double q0, double c0) {
    if (q <= 1.0) {
        // C = √(2/π) Σ (−q/2)ᵏ/(k! (2k + 1)); (qᵏ − q₀ᵏ)/(q − q₀) is a sum of products.
        double term = 1.0, products = 0.0, power = 1.0, sum = 0.0;
        for (int k = 1; k <= 13; ++k) {
            products = products * q + power, power *= q0;
            term *= -0.5 / k;
            sum += term * products / (2 * k + 1);
        }
        return kRoot2OverPi * sum;
    }
    if (q - q0 > 1e-3) return (c - c0) / (q - q0);
    const double m = 0.5 * (q + q0), e = kRoot2OverPi * std::exp(-0.5 * m), value = coulomb(m);
    const double first = (e - value) / (2.0 * m), second = (-0.5 * e - 3.0 * first) / (2.0 * m);
    const double third = (0.25 * e - 5.0 * second) / (2.0 * m);
    return first + third * (q - q0) * (q - q0) / 24.0;
}

// The same for E.
inline double screened_slope(double q, double e_q, double q0, double e_0) {
    if (q - q0 > 1e-3) return (e_q - e_0) / (q - q0);
    const double m = 0.5 * (q + q0), e = kRoot2OverPi * std::exp(-0.5 * m), value = screened(m);
    const double first = -(e + value) / (2.0 * m), second = (0.5 * e - 3.0 * first) / (2.0 * m);
    const double third = (-0.25 * e - 5.0 * second) / (2.0 * m);
    return first + third * (q - q0) * (q - q0) / 24.0;
}

// (1 − exp(−ρ²/2))/ρ².
inline double bump(double rho2) {
    if (rho2 > 0.1) return -std::expm1(-0.5 * rho2) / rho2;
    const double x = 0.5 * rho2;
    return 0.5 *
           (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0))))));
}

}  // namespace diracs::space::detail
