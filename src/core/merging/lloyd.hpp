// Lloyd's steps (S. Lloyd 1957/1982): each point goes to its nearest centre, each centre to the barycenter of its points.
#pragma once

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "merging/weighted_points.hpp"

namespace diracs {

struct Descent {
    std::vector<double> centres, mass, cost;  // (n, d), (n), (n)
    int steps;
};

// At most so many steps, until one lowers the cost by no more than this share of it. Masses and costs are those of the
// centres returned. A centre whose group is empty stays where it is.
inline Descent lloyd(WeightedPoints& points, std::vector<double> centres, std::size_t n, int steps, double tolerance,
                     int threads) {
    const std::size_t d = static_cast<std::size_t>(points.dimension());
    Groups groups;
    double before = std::numeric_limits<double>::infinity();
    int step = 0;
    for (;; ++step) {
        points.group(centres.data(), n, threads, groups);
        double total = 0.0;
        for (const double cost : groups.cost) total += cost;
        if (step >= steps || !(before - total > tolerance * total)) break;
        before = total;
        for (std::size_t j = 0; j < n; ++j) {
            if (!(groups.mass[j] > 0.0)) continue;
            for (std::size_t k = 0; k < d; ++k) centres[d * j + k] = groups.first[d * j + k] / groups.mass[j];
        }
    }
    return {std::move(centres), std::move(groups.mass), std::move(groups.cost), step};
}

}  // namespace diracs
