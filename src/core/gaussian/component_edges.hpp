// A component of a mixture over a polygon, by the integrals along its edges (see mixture.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gaussian/gaussian_component.hpp"
#include "gaussian/gaussian_edge.hpp"
#include "plane/density.hpp"
#include "plane/half_plane.hpp"
#include "plane/polygon.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// A cell about its origin, and what all components need to know of it.
struct PolygonShape {
    const Polygon& polygon;
    Vec2 origin, center;                // center about the origin
    double radius, log_edge, log_area;  // radius about the center; log_edge of half the longest edge over it
};

inline PolygonShape polygon_shape(const Polygon& polygon, Vec2 origin) {
    Vec2 center;
    for (const Vec2 v : polygon.vertices) center = center + v;
    center = (1.0 / static_cast<double>(polygon.size())) * center;
    double radius2 = 0.0, longest2 = 0.0, twice = 0.0;
    for (std::size_t e = 0; e < polygon.size(); ++e) {
        const Vec2 a = polygon[e] - center, b = polygon[polygon.next(e)] - center;
        radius2 = std::max(radius2, norm2(a));
        longest2 = std::max(longest2, norm2(b - a));
        twice += cross(a, b);
    }
    return {polygon,
            origin,
            center,
            std::sqrt(radius2),
            0.5 * std::log(0.25 * longest2 / radius2),
            std::log(std::max(twice / 2.0, 1e-300))};
}

// An edge in the coordinates of a component.
struct GaussianSide {
    GaussianSegment segment;
    double sign;  // −1 if it runs backwards: where lines almost coincide, the vertices on them are in any order
    Vec2 tangent;
    double scale, foot;  // s = foot + scale τ
};

struct EdgeScratch {
    std::vector<GaussianSide> sides;  // of the polygon, for one component after another
    std::vector<Vec2> whitened;       // (vertices) of one component
    std::vector<double> highest;      // (edges) logarithm of the largest density of a component on the edge
    std::vector<LineMoments> lines;   // (edges) of one component
};

// Appends the sides of the polygon; returns r² of its nearest point, 0 if the mean is inside.
inline double add_sides(const GaussianComponent& component, const PolygonShape& shape, EdgeScratch& scratch) {
    const Polygon& polygon = shape.polygon;
    const Vec2 offset = shape.origin - component.mean;
    scratch.whitened.clear();
    for (const Vec2 v : polygon.vertices) scratch.whitened.push_back(component.whiten(offset + v));
    double nearest2 = HUGE_VAL;
    bool inside = true;
    for (std::size_t e = 0; e < polygon.size(); ++e) {
        const HalfPlane& half = polygon.halves[e];
        const Vec2 normal = component.transposed(half.normal);
        const double size = norm(normal);
        GaussianSide side;
        side.tangent = {-normal.y / size, normal.x / size};
        side.scale = size / (component.determinant() * norm(half.normal));
        const Vec2 foot = (half.offset / norm2(half.normal)) * half.normal;
        side.foot = dot(component.whiten(offset + foot), side.tangent);
        const double s1 = dot(scratch.whitened[e], side.tangent);
        const double s2 = dot(scratch.whitened[polygon.next(e)], side.tangent);
        side.segment = {(half.offset + dot(half.normal, offset)) / size, std::min(s1, s2), std::max(s1, s2)};
        side.sign = s1 <= s2 ? 1.0 : -1.0;
        inside = inside && side.segment.h >= 0.0;
        const double near2 = side.segment.nearest2();
        nearest2 = std::min(nearest2, near2);
        scratch.highest[e] = std::max(scratch.highest[e], component.log_density - near2 / 2.0);
        scratch.sides.push_back(side);
    }
    return inside ? 0.0 : nearest2;
}

// Edges beyond `reach2` have nothing of the component but the angle that they subtend, but for their own integrals.
// False if the component does not count. `least2` is what add_sides has returned.
inline bool by_edges(const GaussianComponent& component, const PolygonShape& shape, std::size_t first_side,
                     double least2, double reach2, int above, EdgeScratch& scratch, CellMoments& own) {
    const Polygon& polygon = shape.polygon;
    const GaussianSide* sides = scratch.sides.data() + first_side;
    const auto wanted = [&](std::size_t e, double nearest2) {
        const double negligible = scratch.highest[e] - kNegligible;
        return nearest2 <= reach2 ||
               (polygon.labels[e] > above && component.log_density - nearest2 / 2.0 >= negligible);
    };
    bool some = least2 <= reach2;
    double closest2 = HUGE_VAL;
    for (std::size_t e = 0; e < polygon.size(); ++e) {
        const double nearest2 = sides[e].segment.nearest2();
        closest2 = std::min(closest2, nearest2);
        some = some || wanted(e, nearest2);
    }
    if (!some) return false;
    const Field field = least2 == 0.0 || closest2 < 1.0 ? Field::regular : Field::decaying;
    double mass = 0.0, spread = 0.0;
    Vec2 first;
    TermSizes sizes;
    const double far = norm(component.mean - shape.origin);
    for (std::size_t e = 0; e < polygon.size(); ++e) {
        const GaussianSide& side = sides[e];
        scratch.lines[e] = {};
        const double nearest2 = side.segment.nearest2();
        const GaussianSegment& segment = side.segment;
        // Vertices, and with them the edge, are off by roundings of their distances; along its whitened normal by
        const double shift = 2.0 * (far + std::max(norm(polygon[e]), norm(polygon[polygon.next(e)]))) /
                             (component.determinant() * side.scale);
        sizes.mass += shift * (segment.field(segment.s1, field) + segment.field(segment.s2, field));
        if (!wanted(e, nearest2)) {
            if (field == Field::regular) {
                const double angle = side.segment.angle() * detail::kInverse2Pi;
                mass += side.sign * angle;
                sizes.mass += 8.0 * std::fabs(angle);
            }
            continue;
        }
        const GaussianLine line = gaussian_line(side.segment, side.foot, field);
        const double signed_zeroth = side.sign * line.zeroth;
        mass += side.sign * line.flux;
        const Vec2 normal = component.color({side.tangent.y, -side.tangent.x});
        const Vec2 tangent = component.color(side.tangent);
        first = first - signed_zeroth * normal;
        const double along = side.sign * line.first + side.foot * signed_zeroth;  // ∫ s φ₂ ds
        spread -= norm2(normal) * side.segment.h * signed_zeroth + dot(normal, tangent) * along;
        // exp(−r²/2) is right to r² roundings of itself, and on average r² exceeds the nearest by 2 at most.
        const double wide2 = 6.0 + nearest2, length = norm(normal), crossed = shift * line.zeroth;
        const double reach2 = component.trace() * wide2;
        sizes.mass += 8.0 * std::fabs(line.flux) + nearest2 * line.zeroth + crossed;
        sizes.first += wide2 * length * line.zeroth + crossed * std::sqrt(reach2);
        sizes.second += crossed * reach2 + wide2 * length * line.zeroth *
                                               (length * std::fabs(side.segment.h) + norm(tangent) * std::sqrt(wide2));
        const double density = side.sign / (component.determinant() * side.scale);  // φ₂ ds to ρ dℓ
        scratch.lines[e] = {density * line.zeroth, density * line.first / side.scale,
                            density * line.second / (side.scale * side.scale)};
    }
    sizes.second += component.trace() * sizes.mass;
    own = CellMoments{mass, first, component.trace() * mass + spread, sizes}.moved(component.mean - shape.origin);
    return true;
}

}  // namespace diracs
