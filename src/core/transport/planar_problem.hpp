// A transport problem in the plane, normalized, and what the cells hold with some weights.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "plane/moments.hpp"
#include "plane/seed_triangulation.hpp"

namespace diracs {

// Weights of power cells, and what these hold.
struct Weighted {
    std::vector<double> weights;
    Cells cells;
    Couplings edges;

    double mass(std::size_t i) const { return cells.mass[i]; }
};

// Hellinger's distance: neither empty nor far too large cells count for more than the mass that is wrong there.
inline double hellinger(const Weighted& at, const std::vector<double>& target) {
    double sum = 0.0;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const double gap = std::sqrt(at.mass(i)) - std::sqrt(target[i]);
        sum += gap * gap;
    }
    return std::sqrt(sum);
}

// Distinct seeds (n, 2) with positive target masses (n,) of sum one, and a density (density.hpp) of mass one.
template <class Density>
class PlanarProblem {
public:
    PlanarProblem(const Density& law, const std::vector<double>& points, const std::vector<double>& masses, int most)
        : density(law),
          seeds(points),
          target(masses),
          threads(most),
          triangulation_(seeds.data(), masses.size(), most) {}

    const Density& density;
    const std::vector<double>&seeds, &target;
    const int threads;

    std::size_t size() const { return target.size(); }
    Vec2 seed(std::size_t i) const { return {seeds[2 * i], seeds[2 * i + 1]}; }

    Weighted moments(std::vector<double> weights) {
        auto found = couplings(density, seeds.data(), weights.data(), size(),
                               triangulation_.neighbours(weights.data(), threads), threads);
        return {std::move(weights), std::move(found.first), std::move(found.second)};
    }

    PowerCells diagram(const std::vector<double>& weights) {
        return {seeds.data(), weights.data(), triangulation_.neighbours(weights.data(), threads), density.domain(),
                threads};
    }

    // Cells with less than a share of 1e-9 of their target mass are as good as empty.
    bool is_empty(const Weighted& at, std::size_t i) const { return !(at.mass(i) > 1e-9 * target[i]); }

    std::vector<std::size_t> empty(const Weighted& at) const {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < size(); ++i) {
            if (is_empty(at, i)) found.push_back(i);
        }
        return found;
    }

    // One cell, and a tenth of the others, do not matter to the rest.
    bool few(std::size_t empty) const {
        return static_cast<double>(empty) <= 1.0 + 0.1 * (static_cast<double>(size()) - 1.0);
    }

private:
    SeedTriangulation triangulation_;
};

}  // namespace diracs
