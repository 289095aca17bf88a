// Half planes and the lines that bound them.
#pragma once

#include <algorithm>
#include <cmath>

#include "plane/vec2.hpp"

namespace diracs {

// {z : normal · z <= offset}, the larger component of the normal ±1 so that no square over- or underflows.
struct HalfPlane {
    Vec2 normal;
    double offset;

    double excess(Vec2 z) const { return dot(normal, z) - offset; }
    Vec2 tangent() const { return (1.0 / norm(normal)) * Vec2{-normal.y, normal.x}; }  // to the left of the normal
};

inline HalfPlane half_plane(Vec2 normal, double offset) {
    const double size = std::max(std::fabs(normal.x), std::fabs(normal.y));
    if (!(size > 0.0)) return {{}, 0.0};
    return {{normal.x / size, normal.y / size}, offset / size};
}

// The coordinate τ = n × z along the boundary line n·z = c, counterclockwise around the half plane:
// z = (c n + τ n⊥) / |n|², n⊥ = (−n_y, n_x).
class LineCoordinate {
public:
    explicit LineCoordinate(const HalfPlane& half) : half_(half), squared_(norm2(half.normal)) {}

    double of(Vec2 z) const { return cross(half_.normal, z); }

    // Of the intersection with another line: n'·z = c' gives τ = (c' |n|² − c n·n') / (n × n').
    double of(const HalfPlane& other) const {
        return (other.offset * squared_ - half_.offset * dot(half_.normal, other.normal)) /
               cross(half_.normal, other.normal);
    }

    Vec2 point(double tau) const {
        const Vec2 n = half_.normal;
        return {(half_.offset * n.x - tau * n.y) / squared_, (half_.offset * n.y + tau * n.x) / squared_};
    }

private:
    const HalfPlane& half_;
    double squared_;
};

}  // namespace diracs
