// Triangles and tetrahedra with a linear density.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "plane/vec2.hpp"
#include "space/vec3.hpp"

namespace diracs {

inline double component(Vec2 v, int axis) { return axis == 0 ? v.x : v.y; }
inline double component(space::Vec3 v, int axis) { return v[axis]; }
inline Vec2 absolute(Vec2 v) { return {std::fabs(v.x), std::fabs(v.y)}; }
inline space::Vec3 absolute(space::Vec3 v) { return {std::fabs(v.x), std::fabs(v.y), std::fabs(v.z)}; }
inline Vec2 least(Vec2 a, Vec2 b) { return {std::min(a.x, b.x), std::min(a.y, b.y)}; }
inline Vec2 most(Vec2 a, Vec2 b) { return {std::max(a.x, b.x), std::max(a.y, b.y)}; }
inline space::Vec3 least(space::Vec3 a, space::Vec3 b) {
    return {std::min(a.x, b.x), std::min(a.y, b.y), std::min(a.z, b.z)};
}
inline space::Vec3 most(space::Vec3 a, space::Vec3 b) {
    return {std::max(a.x, b.x), std::max(a.y, b.y), std::max(a.z, b.z)};
}
inline double widest(Vec2 v) { return std::max(v.x, v.y); }
inline double widest(space::Vec3 v) { return std::max({v.x, v.y, v.z}); }

// Area, or volume, with the sign of the orientation.
inline double signed_volume(const Vec2* x) { return cross(x[1] - x[0], x[2] - x[0]) / 2.0; }
inline double signed_volume(const space::Vec3* x) { return dot(cross(x[1] - x[0], x[2] - x[0]), x[3] - x[0]) / 6.0; }

template <class Vec>
Vec vector(const double* x) {
    Vec result;
    result.x = x[0], result.y = x[1];
    if constexpr (sizeof(Vec) == 3 * sizeof(double)) result.z = x[2];
    return result;
}

// Length, or area, of the border.
inline double boundary_of(const Vec2* x) { return norm(x[1] - x[0]) + norm(x[2] - x[1]) + norm(x[0] - x[2]); }
inline double boundary_of(const space::Vec3* x) {
    double sum = 0.0;
    for (int k = 0; k < 4; ++k) {
        const space::Vec3 a = x[(k + 1) % 4];
        sum += norm(cross(x[(k + 2) % 4] - a, x[(k + 3) % 4] - a)) / 2.0;
    }
    return sum;
}

template <class Vec>
constexpr int kDimension = 2;
template <>
inline constexpr int kDimension<space::Vec3> = 3;

// Whether two boxes are further apart than `slack` along an axis.
template <class Vec>
bool apart(Vec a, Vec b, Vec low, Vec high, double slack) {
    for (int axis = 0; axis < kDimension<Vec>; ++axis) {
        if (component(a, axis) - component(high, axis) > slack) return true;
        if (component(low, axis) - component(b, axis) > slack) return true;
    }
    return false;
}

// Corners in positive orientation, for which the first two may have changed places, the density at each, and the number
// among those given.
template <class Vec>
struct Simplex {
    static constexpr int kCorners = kDimension<Vec> + 1;

    Vec corner[kCorners];
    double density[kCorners];
    double volume;
    std::size_t number;
    bool turned;

    // Of corner k, and of what belongs to it, in arrays (s, d + 1) as they were given.
    std::size_t place(int k) const { return kCorners * number + static_cast<std::size_t>(turned && k < 2 ? 1 - k : k); }

    bool constant() const {
        return std::all_of(density, density + kCorners, [&](double value) { return value == density[0]; });
    }
    double peak() const { return *std::max_element(density, density + kCorners); }

    // By more than `slack`: −1 outside of one of the half spaces, 1 inside of all of them, else 0.
    template <class Half>
    int side(const std::vector<Half>& halves, double slack) const {
        bool inside = true;
        for (const Half& half : halves) {
            double top = -HUGE_VAL, bottom = HUGE_VAL;
            for (const Vec& x : corner) {
                const double excess = half.excess(x);
                top = excess > top ? excess : top;
                bottom = excess < bottom ? excess : bottom;
            }
            if (bottom > slack) return -1;
            inside = inside && top < -slack;
        }
        return inside ? 1 : 0;
    }

    double boundary() const { return boundary_of(corner); }

    Vec low() const {
        Vec result = corner[0];
        for (const Vec& x : corner) result = least(result, x);
        return result;
    }
    Vec high() const {
        Vec result = corner[0];
        for (const Vec& x : corner) result = most(result, x);
        return result;
    }

    // About another origin.
    Simplex about(Vec o) const {
        Simplex result = *this;
        for (Vec& x : result.corner) x = x - o;
        return result;
    }

    // Barycentric coordinates of a point inside, up to rounding: not negative, of sum 1.
    void coordinates(Vec z, double* share) const {
        double sum = 0.0;
        for (int k = 0; k < kCorners; ++k) {
            Vec moved[kCorners];
            std::copy(corner, corner + kCorners, moved);
            moved[k] = z;
            share[k] = std::max(signed_volume(moved), 0.0);
            sum += share[k];
        }
        for (int k = 0; k < kCorners; ++k) share[k] = sum > 0.0 ? share[k] / sum : 1.0 / kCorners;
    }

    double density_at(Vec z) const {
        double share[kCorners], result = 0.0;
        coordinates(z, share);
        for (int k = 0; k < kCorners; ++k) result += share[k] * density[k];
        return result;
    }
};

// Adds ∫ρ, ∫xρ and ∫|x|²ρ over a simplex of volume V in d dimensions, ρ linear with values r_k ≥ 0 at corners x_k. The
// measure of density λ_k, a barycentric coordinate, is a Dirichlet distribution of parameters 1, and 2 at k, with mass
// V/(d + 1), mean (x_k + Σx)/(d + 2), and Σ_{i<j} α_i α_j |x_i − x_j|² / ((d + 2)² (d + 3)) about that: α_i α_j is 2 if k is
// i or j, else 1. All terms of mass and second moment are nonnegative.
template <class Vec, class Moments>
void add_simplex(double volume, const Vec* x, const double* r, Moments& sum) {
    constexpr int d = kDimension<Vec>;
    Vec total;
    double density = 0.0;
    for (int k = 0; k <= d; ++k) total = total + x[k], density += r[k];
    const double unit = volume / (d + 1);
    double spread = 0.0, second = 0.0;
    Vec first;
    for (int i = 0; i <= d; ++i) {
        const Vec mean = (1.0 / (d + 2)) * (x[i] + total);
        first = first + r[i] * mean;
        second += r[i] * norm2(mean);
        for (int j = 0; j < i; ++j) spread += (density + r[i] + r[j]) * norm2(x[i] - x[j]);
    }
    sum.mass += unit * density;
    sum.first = sum.first + unit * first;
    sum.second += unit * (second + spread / ((d + 2) * (d + 2) * (d + 3)));
}

}  // namespace diracs
