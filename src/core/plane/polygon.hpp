// Convex polygon with labelled edges, and its moments under a constant density.
#pragma once

#include <cstddef>
#include <vector>

#include "plane/half_plane.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Label of an edge that lies on the boundary of the domain; any other label is the neighbour across the edge.
constexpr int kDomainEdge = -1;

// Counterclockwise; edge k runs from vertex k to vertex k + 1 (cyclic), on the border of half plane k, which is known
// better than from the vertices where these are far away or close together. Reused as scratch, so that its memory is
// allocated once per thread and not once per cell.
class Polygon {
public:
    std::vector<Vec2> vertices;
    std::vector<int> labels;
    std::vector<HalfPlane> halves;

    std::size_t size() const { return vertices.size(); }
    bool empty() const { return vertices.size() < 3; }
    Vec2 operator[](std::size_t k) const { return vertices[k]; }
    std::size_t next(std::size_t k) const { return k + 1 == vertices.size() ? 0 : k + 1; }

    void clear() {
        vertices.clear();
        labels.clear();
        halves.clear();
    }

    void push(Vec2 vertex, int label, const HalfPlane& half) {
        vertices.push_back(vertex);
        labels.push_back(label);
        halves.push_back(half);
    }
};

// Area, ∫x and ∫|x|² over a convex polygon, about the origin of its coordinates. A fan of triangles from vertex 0:
// every term of the area and of ∫|x|² is nonnegative, so a tiny cell loses nothing. For a triangle (p, q, r) of area A
// ∫x = A (p + q + r) / 3 and ∫|x|² = A (|p|² + |q|² + |r|² + |p + q + r|²) / 12 (exact for quadratics).
inline void uniform_moments(const Polygon& polygon, double& area, Vec2& first, double& second) {
    area = 0.0;
    first = {};
    second = 0.0;
    const Vec2 p = polygon[0];
    const double pp = norm2(p);
    for (std::size_t k = 1; k + 1 < polygon.size(); ++k) {
        const Vec2 q = polygon[k], r = polygon[k + 1];
        const double twice = cross(q - p, r - q);
        if (!(twice > 0.0)) continue;
        const Vec2 sum = p + q + r;
        area += twice / 2.0;
        first = first + (twice / 6.0) * sum;
        second += twice / 24.0 * (pp + norm2(q) + norm2(r) + norm2(sum));
    }
}

}  // namespace diracs
