// Loops over the vertices of a polyhedron, compiled for wide vectors. What is largest or least is so in any order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "numeric/wide.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

struct Extremes {
    double least, most;
};

// Coordinates of vertices.
struct Vertices {
    const double *x, *y, *z;
    std::size_t count;
};

// Of normal · z − offset, which goes to `excess`.
DIRACS_WIDE inline Extremes excesses(Vertices at, HalfSpace half, double* DIRACS_RESTRICT excess) {
    const double *DIRACS_RESTRICT x = at.x, *DIRACS_RESTRICT y = at.y, *DIRACS_RESTRICT z = at.z;
    const double a = half.normal.x, b = half.normal.y, c = half.normal.z, d = half.offset;
    double most = -HUGE_VAL, least = HUGE_VAL;
#pragma omp simd reduction(max : most) reduction(min : least)
    for (std::size_t v = 0; v < at.count; ++v) {
        const double e = ((a * x[v] + b * y[v]) + c * z[v]) - d;
        excess[v] = e;
        most = e > most ? e : most;
        least = e < least ? e : least;
    }
    return {least, most};
}

// The largest normal · z.
DIRACS_WIDE inline double farthest_along(Vertices at, Vec3 normal) {
    const double *DIRACS_RESTRICT x = at.x, *DIRACS_RESTRICT y = at.y, *DIRACS_RESTRICT z = at.z;
    double most = -HUGE_VAL;
#pragma omp simd reduction(max : most)
    for (std::size_t v = 0; v < at.count; ++v) {
        const double e = (normal.x * x[v] + normal.y * y[v]) + normal.z * z[v];
        most = e > most ? e : most;
    }
    return most;
}

// The largest |z − g|².
DIRACS_WIDE inline double farthest2(Vertices at, Vec3 g) {
    const double *DIRACS_RESTRICT x = at.x, *DIRACS_RESTRICT y = at.y, *DIRACS_RESTRICT z = at.z;
    double most = 0.0;
#pragma omp simd reduction(max : most)
    for (std::size_t v = 0; v < at.count; ++v) {
        const double a = x[v] - g.x, b = y[v] - g.y, c = z[v] - g.z;
        const double r2 = (a * a + b * b) + c * c;
        most = r2 > most ? r2 : most;
    }
    return most;
}

// The least over the vertices of t · z − Σ u (2|q| − u)/λ, q = z + e and u = min(|q|, λ h) for each axis.
struct Paraboloid {
    Vec3 t, e, limit;  // λ h
    double inverse;    // 1/λ

    double operator()(Vec3 z) const {
        double gain = 0.0;
        for (int axis = 0; axis < 3; ++axis) {
            const double q = std::fabs(z[axis] + e[axis]), u = std::min(q, limit[axis]);
            gain += u * (2.0 * q - u);
        }
        return dot(t, z) - gain * inverse;
    }
};

DIRACS_WIDE inline double least_above(Vertices at, const Paraboloid& p) {
    const double *DIRACS_RESTRICT x = at.x, *DIRACS_RESTRICT y = at.y, *DIRACS_RESTRICT z = at.z;
    const Vec3 t = p.t, e = p.e, limit = p.limit;
    const double inverse = p.inverse;
    double least = HUGE_VAL;
#pragma omp simd reduction(min : least)
    for (std::size_t v = 0; v < at.count; ++v) {
        const double qx = std::fabs(x[v] + e.x), qy = std::fabs(y[v] + e.y), qz = std::fabs(z[v] + e.z);
        const double ux = qx < limit.x ? qx : limit.x, uy = qy < limit.y ? qy : limit.y,
                     uz = qz < limit.z ? qz : limit.z;
        const double gain = ux * ((qx + qx) - ux) + (uy * ((qy + qy) - uy) + uz * ((qz + qz) - uz));
        const double value = (t.x * x[v] + t.y * y[v] + t.z * z[v]) - gain * inverse;
        least = value < least ? value : least;
    }
    return least;
}

constexpr int kLanes = 16;

// For seeds given by columns x, y, z, w, each n after the one before: whether the plane between a seed, moved, and the own one
// misses the ball of the given radius by more than rounding, of a number of this size (then `clear` is positive); twice the
// least offset that the plane may have; and the seed's power at the center less the own one.
DIRACS_WIDE inline void bisectors(const double* DIRACS_RESTRICT x, std::size_t n, int count, Vec3 move, Vec3 own,
                                  Vec3 center, double weight, double size, double radius, double* DIRACS_RESTRICT clear,
                                  double* DIRACS_RESTRICT least, double* DIRACS_RESTRICT excess) {
    constexpr double kRounding = 32.0 * 2.220446049250313e-16;
    const double *DIRACS_RESTRICT y = x + n, *DIRACS_RESTRICT z = y + n, *DIRACS_RESTRICT w = z + n;
    const double twice_radius2 = 4.0 * radius * radius;
#pragma omp simd
    for (int k = 0; k < count; ++k) {
        const double px = x[k] + move.x, py = y[k] + move.y, pz = z[k] + move.z;
        const double a = px - own.x, b = py - own.y, c = pz - own.z;
        const double twice = (a * (px + own.x) + b * (py + own.y)) + c * (pz + own.z) + (weight - w[k]) -
                             kRounding * (size + ((px * px + py * py) + pz * pz) + std::fabs(w[k]));
        const double room = twice - 2.0 * ((a * center.x + b * center.y) + c * center.z);
        const double width2 = (a * a + b * b) + c * c;
        const double beyond = room * room - twice_radius2 * width2;
        const double sure = width2 > 1e-280 ? beyond : -1.0;  // squares of less may be wrong
        clear[k] = room > 0.0 ? sure : -1.0;
        least[k] = twice, excess[k] = room;
    }
}

}  // namespace diracs::space
