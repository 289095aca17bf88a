// Vectors of space.
#pragma once

#include <algorithm>
#include <cmath>

namespace diracs::space {

struct Vec3 {
    double x = 0.0, y = 0.0, z = 0.0;

    double operator[](int axis) const { return axis == 0 ? x : axis == 1 ? y : z; }
    double& operator[](int axis) { return axis == 0 ? x : axis == 1 ? y : z; }
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(double s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline double norm2(Vec3 a) { return dot(a, a); }
inline double norm(Vec3 a) { return std::sqrt(norm2(a)); }
inline double largest(Vec3 a) { return std::max({std::fabs(a.x), std::fabs(a.y), std::fabs(a.z)}); }

// {z : normal · z <= offset}, the largest component of the normal ±1 so that no square over- or underflows.
struct HalfSpace {
    Vec3 normal;
    double offset;

    double excess(Vec3 z) const { return dot(normal, z) - offset; }
};

inline HalfSpace half_space(Vec3 normal, double offset) {
    const double size = largest(normal);
    if (!(size > 0.0)) return {{}, 0.0};
    return {{normal.x / size, normal.y / size, normal.z / size}, offset / size};
}

}  // namespace diracs::space
