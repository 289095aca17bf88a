// Conjugate gradients for a graph Laplacian, preconditioned by multigrid on aggregates with a K-cycle (Y. Notay, "An
// aggregation-based algebraic multigrid method", ETNA 2010): on each coarse level two steps of conjugate gradients,
// preconditioned in the same way. Smoothing is by Gauss–Seidel, forwards before and backwards after.
#pragma once

#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "aggregation.hpp"
#include "laplacian_direct.hpp"
#include "weighted_graph.hpp"

namespace diracs {

class LaplacianMultigrid {
public:
    LaplacianMultigrid(const WeightedGraph& graph, const std::vector<Vec2>& positions) {
        levels_.emplace_back();
        levels_.back().graph = &graph;
        std::vector<Vec2> places = positions;
        while (levels_.back().graph->size() > kCoarsest) {
            const WeightedGraph& fine = *levels_.back().graph;
            Aggregates twice = aggregate(fine, kWorst, places);
            if (twice.count > kShrink * fine.size()) twice = aggregate(fine, 1e300, places);
            if (twice.count > kShrink * fine.size()) break;
        }
        for (Level& level : levels_) level.allocate();
        coarsest_ = std::make_unique<LaplacianFactor>(*levels_.back().graph, places);
    }

private:
    static constexpr int kCoarsest = 600;
    static constexpr double kWorst = 8.0, kShrink = 0.7;
};

}  // namespace diracs
