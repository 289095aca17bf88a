// Constant density on a convex polygon.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "plane/density.hpp"
#include "plane/polygon.hpp"

namespace diracs {

class UniformPolygon {
public:
    struct Scratch {};

    UniformPolygon(std::vector<Vec2> vertices, double density) : vertices_(std::move(vertices)), density_(density) {}

    const std::vector<Vec2>& domain() const { return vertices_; }

    void cell(const Polygon& polygon, Vec2 /*origin*/, int above, CellMoments& moments, LineMoments* lines,
              Scratch&) const {
        CellMoments area;
        uniform_moments(polygon, area.mass, area.first, area.second);
        moments = {};
        moments.add(density_, area);
        if (lines == nullptr) return;
        for (std::size_t k = 0; k < polygon.size(); ++k) {
            if (polygon.labels[k] <= above) continue;
            const EdgeCoordinate edge(polygon[k], polygon[polygon.next(k)]);
            lines[k] = LineMoments::uniform(density_, edge.start, edge.start + edge.length);
        }
    }

private:
    std::vector<Vec2> vertices_;
    double density_;
};

}  // namespace diracs
