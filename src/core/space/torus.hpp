// Shifts of the images of a seed on a torus: numbers 0 … 26, by the digits −1, 0, 1 along the axes; 13 is no shift.
//
// Images of a seed have its own weight, so its cell lies within half a period of it along each periodic axis; with all
// seeds within one period, images further than one shift away cannot cut it.
#pragma once

#include <cmath>
#include <vector>

#include "space/density.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

constexpr int kNoShift = 13;

inline int shift_number(int i, int j, int k) { return 9 * (i + 1) + 3 * (j + 1) + (k + 1); }
inline int shift_digit(int number, int axis) {
    return (axis == 0 ? number / 9 : axis == 1 ? number / 3 % 3 : number % 3) - 1;
}
inline int opposite_shift(int number) { return 26 - number; }

inline Vec3 shift_vector(const Domain& domain, int number) {
    Vec3 result;
    for (int axis = 0; axis < 3; ++axis) {
        if (domain.periodic[axis]) result[axis] = shift_digit(number, axis) * domain.sides()[axis];
    }
    return result;
}

// The shifts along the periodic axes of a domain.
inline std::vector<int> shifts_of(const Domain& domain) {
    std::vector<int> result;
    for (int number = 0; number < 27; ++number) {
        bool there = true;
        for (int axis = 0; axis < 3; ++axis) there = there && (domain.periodic[axis] || shift_digit(number, axis) == 0);
        if (there) result.push_back(number);
    }
    return result;
}

// A position within one period of the box.
inline Vec3 wrapped(const Domain& domain, Vec3 y) {
    for (int axis = 0; axis < 3; ++axis) {
        if (!domain.periodic[axis]) continue;
        const double side = domain.sides()[axis];
        const double turns = std::floor((y[axis] - domain.low[axis]) / side);
        if (turns != 0.0) y[axis] -= turns * side;
        if (y[axis] >= domain.high[axis]) y[axis] -= side;
        if (y[axis] < domain.low[axis]) y[axis] = domain.low[axis];
    }
    return y;
}

}  // namespace diracs::space
