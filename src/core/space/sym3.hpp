// Symmetric matrices of space.
#pragma once

#include "space/vec3.hpp"

namespace diracs::space {

struct Sym3 {
    double xx = 0.0, xy = 0.0, xz = 0.0, yy = 0.0, yz = 0.0, zz = 0.0;
};

inline Sym3 operator+(const Sym3& a, const Sym3& b) {
    return {a.xx + b.xx, a.xy + b.xy, a.xz + b.xz, a.yy + b.yy, a.yz + b.yz, a.zz + b.zz};
}
inline Sym3 operator*(double s, const Sym3& a) { return {s * a.xx, s * a.xy, s * a.xz, s * a.yy, s * a.yz, s * a.zz}; }

// a aᵀ.
inline Sym3 square(Vec3 a) { return {a.x * a.x, a.x * a.y, a.x * a.z, a.y * a.y, a.y * a.z, a.z * a.z}; }

// The solution of m x = b.
inline Vec3 solve(const Sym3& m, Vec3 b) {
    const Vec3 first = {m.yy * m.zz - m.yz * m.yz, m.xz * m.yz - m.xy * m.zz, m.xy * m.yz - m.xz * m.yy};
    const Vec3 second = {first.y, m.xx * m.zz - m.xz * m.xz, m.xz * m.xy - m.xx * m.yz};
    const Vec3 third = {first.z, second.z, m.xx * m.yy - m.xy * m.xy};
    return (1.0 / (m.xx * first.x + m.xy * first.y + m.xz * first.z)) *
           Vec3{dot(first, b), dot(second, b), dot(third, b)};
}

// a bᵀ + b aᵀ.
inline Sym3 product(Vec3 a, Vec3 b) {
    return {2.0 * a.x * b.x, a.x * b.y + a.y * b.x, a.x * b.z + a.z * b.x,
            2.0 * a.y * b.y, a.y * b.z + a.z * b.y, 2.0 * a.z * b.z};
}

}  // namespace diracs::space
