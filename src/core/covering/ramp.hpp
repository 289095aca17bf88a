// Means of the positive part of a linear function over a box.
#pragma once

#include <cmath>

namespace diracs {

// Loops over a pack have no branches and no calls: compilers make vectors of them.
inline double positive(double x) { return x > 0.0 ? x : 0.0; }
inline double larger(double x, double y) { return x > y ? x : y; }
inline double smaller(double x, double y) { return x < y ? x : y; }

// An upper bound on the mean of (a + Σ pₖ sₖ)₊ over |sₖ| ≤ 1, pₖ ≥ 0, close to it; `scale` > 0 is about a or p. Every p is
// made at least a small share of the largest: convex in s, the mean is no smaller with a larger p.
template <int D>
class RampMean;

template <>
class RampMean<2> {
    double p_, q_;

public:
    RampMean(const double* slopes, double scale) {
        p_ = larger(larger(slopes[0], slopes[1]), 1e-9 * scale);
        q_ = larger(smaller(slopes[0], slopes[1]), 1e-4 * p_);
    }

    double operator()(double a) const {
        const double terms = std::fabs(a) + 3.0 * p_;  // 6p times its square is the size of what cancels
        const double rounding = 2e-15 * terms * terms / q_;
        return (ramp(a + q_, p_) - ramp(a - q_, p_)) / (24.0 * p_ * q_) + rounding;
    }

private:
    // 12 p times the integral in z of ½∫ (z + p s)₊ ds over |s| ≤ 1.
    static double ramp(double z, double p) {
        const double above = positive(z - p), t = positive(z + p) - above;  // t ≤ 2p
        return t * t * t + 6.0 * p * above * (above + 2.0 * p);
    }
};

// Σ ± (a ± p ± q ± r)₊⁴ / (192 p q r), the sign that of the product of the three: z₊⁴/24 is the third integral of z₊.
template <>
class RampMean<3> {
    double p_, q_, r_;

public:
    RampMean(const double* slopes, double scale) {
        const double a = larger(slopes[0], slopes[1]), b = smaller(slopes[0], slopes[1]), c = slopes[2];
        p_ = larger(larger(a, c), 1e-9 * scale);
        const double middle = larger(b, smaller(a, c)), least = smaller(b, c);
        q_ = larger(middle, 1e-3 * p_), r_ = larger(least, 1e-3 * p_);
    }

    double operator()(double a) const {
        const double terms = std::fabs(a) + 3.0 * p_, squares = terms * terms;
        const double sum = (pair(a + q_ + r_) - pair(a + q_ - r_)) - (pair(a - q_ + r_) - pair(a - q_ - r_));
        return (sum + 2e-14 * squares * squares) / (192.0 * p_ * q_ * r_);
    }

private:
    double pair(double z) const { return fourth(positive(z + p_)) - fourth(positive(z - p_)); }
    static double fourth(double x) { return (x * x) * (x * x); }
};

}  // namespace diracs
