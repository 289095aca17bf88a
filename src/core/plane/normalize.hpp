// Seeds moved and scaled so that the predicates can neither over- nor underflow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "plane/predicates.hpp"

namespace diracs {

// A number c for which every y − c is exact, near the middle of the values if they are far from zero: differences of
// doubles within a factor of two of each other are doubles (Sterbenz).
inline double exact_centre(double low, double high) {
    if (low > 0.0 && high <= 2.0 * low) return low;
    if (high < 0.0 && low >= 2.0 * high) return high;
    return 0.0;
}

// A multiple of `unit`, a power of two, within `unit` of the value: adding and subtracting a large number rounds.
inline double snap(double value, double unit) {
    const double shifter = 0x1.8p53 * unit;
    return std::fabs(value) < 0x1p52 * unit ? (value + shifter) - shifter : value;
}

// Takes positions to the box [-2, 2]² by a translation and a multiplication by a power of two, both exact. Only positions
// finer than 2^-250 of the extent and weights finer than 2^-500 or larger than 2^900 of its square are rounded.
class Normalization {
public:
    Normalization(const double* positions, std::size_t n) {
        if (n == 0) return;
        double low[2], high[2];
        for (int axis = 0; axis < 2; ++axis) {
            low[axis] = high[axis] = positions[axis];
            for (std::size_t i = 1; i < n; ++i) {
                low[axis] = std::min(low[axis], positions[2 * i + axis]);
                high[axis] = std::max(high[axis], positions[2 * i + axis]);
            }
        }
        cx_ = exact_centre(low[0], high[0]), cy_ = exact_centre(low[1], high[1]);
        const double size = std::max(std::max(std::fabs(low[0] - cx_), std::fabs(high[0] - cx_)),
                                     std::max(std::fabs(low[1] - cy_), std::fabs(high[1] - cy_)));
        const int exponent = size > 0.0 ? std::ilogb(size) : 0;
        // Two factors, as 2^-exponent alone may not be a double.
        s_ = std::ldexp(1.0, -exponent / 2), t_ = std::ldexp(1.0, -(exponent - exponent / 2));
    }

    Seed position(double x, double y) const {
        return {snap((x - cx_) * s_ * t_, 0x1p-250), snap((y - cy_) * s_ * t_, 0x1p-250), 0.0};
    }

    double weight(double w) const {
        return snap(std::min(0x1p900, std::max(-0x1p900, w * s_ * s_ * t_ * t_)), 0x1p-500);
    }

private:
    double cx_ = 0.0, cy_ = 0.0, s_ = 1.0, t_ = 1.0;
};

}  // namespace diracs
