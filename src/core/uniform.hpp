// Constant density on a convex polygon.
#pragma once

#include <utility>
#include <vector>

#include "polygon.hpp"

namespace diracs {

// The density interface, which `moments` expects of every density:
//   domain()  its convex support, counterclockwise, absolute coordinates;
//   cell()    mass, ∫(x − o)ρ and ∫|x − o|²ρ of a convex polygon given by its vertices minus o (o = `origin`);
//   line()    ∫ρ dℓ over the segment from o + a to o + b.
// Polygons and segments lie in the domain up to rounding. All are const and called from several threads at once.
class UniformPolygon {
public:
    UniformPolygon(std::vector<Vec2> vertices, double density) : vertices_(std::move(vertices)), density_(density) {}

    const std::vector<Vec2>& domain() const { return vertices_; }

    void cell(const Polygon& polygon, Vec2 /*origin*/, double& mass, Vec2& first, double& second) const {
        uniform_moments(polygon, mass, first, second);
        mass *= density_;
        first = density_ * first;
        second *= density_;
    }

    double line(Vec2 a, Vec2 b, Vec2 /*origin*/) const { return density_ * norm(b - a); }

private:
    std::vector<Vec2> vertices_;
    double density_;
};

}  // namespace diracs
