// The two questions that a regular triangulation asks, answered exactly: floating point with an error bound first,
// expansions where the bound does not decide. Coordinates must be multiples of 2^-250 of size at most 2, weights
// multiples of 2^-500 of size at most 2^900 (see normalize.hpp); then neither over- nor underflow can occur.
#pragma once

#include <cmath>

#include "numeric/expansion.hpp"

namespace diracs {

struct Seed {
    double x;
    double y;
    double w;
};

namespace exact {

// |y|² − w as an expansion: the height of the lifted seed.
inline Expansion<5> lift(const Seed& s) {
    return (exact_product(s.x, s.x) + exact_product(s.y, s.y)) + exact_value(-s.w);
}

inline Expansion<4> minor(const Seed& a, const Seed& b) { return exact_product(a.x, b.y) - exact_product(b.x, a.y); }

inline Expansion<12> orientation(const Seed& a, const Seed& b, const Seed& c) {
    return (minor(a, b) + minor(b, c)) + minor(c, a);
}

inline int orient(const Seed& a, const Seed& b, const Seed& c) { return orientation(a, b, c).sign(); }

// The 4 × 4 determinant of the rows (x, y, lift, 1), expanded along the column of lifts.
inline int in_power_circle(const Seed& a, const Seed& b, const Seed& c, const Seed& d) {
    const auto abc = orientation(a, b, c), bcd = orientation(b, c, d);
    const auto cda = orientation(c, d, a), dab = orientation(d, a, b);
    const auto left = bcd * lift(a) + dab * lift(c);
    const auto right = cda * lift(b) + abc * lift(d);
    return (left - right).sign();
}

// The same for seeds given by their differences from d, which takes shorter expansions.
inline int in_power_circle(const Seed& a, const Seed& b, const Seed& c) {
    return ((minor(b, c) * lift(a) + minor(c, a) * lift(b)) + minor(a, b) * lift(c)).sign();
}

// a − b, and whether the double is exact.
inline bool subtract(double a, double b, double& difference) {
    double tail;
    two_sum(a, -b, difference, tail);
    return tail == 0.0;
}

inline bool subtract(const Seed& a, const Seed& b, Seed& difference) {
    return subtract(a.x, b.x, difference.x) && subtract(a.y, b.y, difference.y) && subtract(a.w, b.w, difference.w);
}

// Seeds on a lattice are often cocircular, and their differences are often doubles.
inline int in_power_circle_adaptive(const Seed& a, const Seed& b, const Seed& c, const Seed& d) {
    Seed p, q, r;
    if (subtract(a, d, p) && subtract(b, d, q) && subtract(c, d, r)) return in_power_circle(p, q, r);
    return in_power_circle(a, b, c, d);
}

}  // namespace exact

// Half the distance between 1 and the next double.
constexpr double kUnitRoundoff = 1.1102230246251565e-16;

// Sign of the area of (a, b, c): 1 if counterclockwise, 0 if collinear.
inline int orient(const Seed& a, const Seed& b, const Seed& c) {
    const double left = (a.x - c.x) * (b.y - c.y);
    const double right = (a.y - c.y) * (b.x - c.x);
    const double det = left - right;
    // Shewchuk's bound A for orient2d is (3 + 16u)u; 4u leaves room for the rounding of the bound itself.
    const double bound = 4.0 * kUnitRoundoff * (std::fabs(left) + std::fabs(right));
    if (det > bound) return 1;
    if (det < -bound) return -1;
    return exact::orient(a, b, c);
}

// For counterclockwise a, b, c: 1 if the lifted d is below the plane of the lifted a, b, c, so that the triangle is not
// regular with d present; 0 if it is on the plane. Without weights: is d inside the circle?
inline int in_power_circle(const Seed& a, const Seed& b, const Seed& c, const Seed& d) {
    const double ax = a.x - d.x, ay = a.y - d.y, bx = b.x - d.x, by = b.y - d.y, cx = c.x - d.x, cy = c.y - d.y;
    const double aw = a.w - d.w, bw = b.w - d.w, cw = c.w - d.w;
    const double a2 = ax * ax + ay * ay, b2 = bx * bx + by * by, c2 = cx * cx + cy * cy;
    const double bc = bx * cy, cb = cx * by, ca = cx * ay, ac = ax * cy, ab = ax * by, ba = bx * ay;
    const double det = (a2 - aw) * (bc - cb) + (b2 - bw) * (ca - ac) + (c2 - cw) * (ab - ba);
    const double size = (a2 + std::fabs(aw)) * (std::fabs(bc) + std::fabs(cb)) +
                        (b2 + std::fabs(bw)) * (std::fabs(ca) + std::fabs(ac)) +
                        (c2 + std::fabs(cw)) * (std::fabs(ab) + std::fabs(ba));
    // Relative errors to first order in u: lift 5, minor 4, their product 1, two sums 2; 16 leaves room for the rest.
    const double bound = 16.0 * kUnitRoundoff * size;
    if (det > bound) return 1;
    if (det < -bound) return -1;
    return exact::in_power_circle_adaptive(a, b, c, d);
}

}  // namespace diracs
