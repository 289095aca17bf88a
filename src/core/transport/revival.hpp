// Empty power cells of the plane brought back to life, with a part of their target masses.
//
// The cell of a seed y appears where |x − y|² − φᶜ(x) is least, φᶜ the minimum of the others' powers |x − yₖ|² − wₖ. That is a
// largest of affine functions of x, hence convex, and a walk from cell to cell finds the corner where it is least. Above this
// weight w* its area grows like the square of w − w*, in units of the distance to the seed whose cell it was.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "transport/planar_problem.hpp"

namespace diracs {

// The polygons of all cells, to walk between.
class CornerWalk {
public:
    struct Place {
        std::size_t cell, corner;
        double least;  // |x − y|² − φᶜ(x) in the corner
    };

    template <class Density>
    CornerWalk(PlanarProblem<Density>& problem, std::vector<double> weights)
        : seeds_(problem.seeds), weights_(std::move(weights)), polygons_(problem.size()) {
        const PowerCells diagram = problem.diagram(weights_);
        CellScratch scratch;
        for (int rank = 0; rank < diagram.ranks(); ++rank) {
            const Vec2 origin = diagram.nearest_in_box(rank);
            const Polygon& cell = diagram.cell(rank, origin, scratch);
            Corners& own = polygons_[diagram.index(rank)];
            for (std::size_t k = 0; k < cell.size(); ++k) {
                own.corners.push_back(origin + cell[k]);
                own.beyond.push_back(cell.labels[k] < 0 ? kDomainEdge : diagram.index(cell.labels[k]));
            }
        }
    }

    // Where the cell of seed k appears; from the seed next to it that has a cell.
    Place lowest(std::size_t k) const {
        const Vec2 y = seed(k);
        std::size_t nearest = polygons_.size();
        for (std::size_t i = 0; i < polygons_.size(); ++i) {
            if (polygons_[i].corners.empty()) continue;
            if (nearest == polygons_.size() || norm2(seed(i) - y) < norm2(seed(nearest) - y)) nearest = i;
        }
        Place best = lowest_of(y, nearest);
        for (bool moved = true; moved;) {
            moved = false;
            const Corners& here = polygons_[best.cell];
            const std::size_t size = here.corners.size(), at = best.corner;
            // Across the two edges that meet in the corner.
            for (const int there : {here.beyond[at], here.beyond[(at + size - 1) % size]}) {
                if (there < 0 || polygons_[there].corners.empty()) continue;
                const Place next = lowest_of(y, static_cast<std::size_t>(there));
                const double rounding = kRounding * std::max(std::abs(next.least), std::abs(best.least));
                if (!(next.least < best.least - rounding)) continue;
                best = next;
                moved = true;
            }
        }
        return best;
    }

    double area(std::size_t cell) const {
        const std::vector<Vec2>& v = polygons_[cell].corners;
        double twice = 0.0;
        for (std::size_t k = 1; k + 1 < v.size(); ++k) twice += cross(v[k] - v[0], v[k + 1] - v[0]);
        return 0.5 * twice;
    }

private:
    struct Corners {
        std::vector<Vec2> corners;
        std::vector<int> beyond;  // the cell across the edge from each corner to the next
    };

    // A corner is lower if by more than this.
    static constexpr double kRounding = 1e-13;

    const std::vector<double>& seeds_;
    std::vector<double> weights_;
    std::vector<Corners> polygons_;

    Vec2 seed(std::size_t i) const { return {seeds_[2 * i], seeds_[2 * i + 1]}; }

    Place lowest_of(Vec2 y, std::size_t cell) const {
        const Vec2 z = seed(cell);
        Place best{cell, 0, HUGE_VAL};
        const std::vector<Vec2>& corners = polygons_[cell].corners;
        for (std::size_t k = 0; k < corners.size(); ++k) {
            const double value = dot(z - y, 2.0 * corners[k] - y - z) + weights_[cell];
            if (value < best.least) best = {cell, k, value};
        }
        return best;
    }
};

// Weights with which fewer cells are empty. Seeds that appear in the same corner may hide each other: what is empty in the end
// can be revived again.
template <class Density>
void revive(PlanarProblem<Density>& problem, Weighted& at) {
    constexpr int kRounds = 3;
    // The share of the guessed weight above the least: what is born small hides no others, and grows in Newton's steps.
    constexpr double kSmall = 0.3;
    const std::vector<double>& target = problem.target;
    std::size_t before = problem.size() + 1;
    for (int round = 0; round < kRounds; ++round) {
        const std::vector<std::size_t> dead = problem.empty(at);
        // In gaps of the density cells are empty wherever they are.
        if (dead.empty() || dead.size() >= before || dead.size() == problem.size()) return;
        before = dead.size();
        std::vector<double> others = at.weights;
        // These may have corners still; they are to be measured against the others. Less than all of these by more than squared
        // distances between seeds and points of the domain differ.
        const std::vector<Vec2>& domain = problem.density.domain();
        double reach = 0.0;
        for (std::size_t i = 0; i < problem.size(); ++i) {
            for (const Vec2 v : domain) reach = std::max(reach, norm2(problem.seed(i) - v));
        }
        const double least = *std::min_element(at.weights.begin(), at.weights.end()) - 1.0 - reach;
        for (const std::size_t k : dead) others[k] = least;
        const CornerWalk walk(problem, others);
        std::vector<double> weights = at.weights;
        for (const std::size_t k : dead) {
            const CornerWalk::Place place = walk.lowest(k);
            const double gap = norm(problem.seed(place.cell) - problem.seed(k));
            const double share = std::min(target[k] / std::max(target[place.cell], at.mass(place.cell)), 1.0);
            weights[k] = place.least + kSmall * gap * std::sqrt(walk.area(place.cell) * share);
        }
        at = problem.moments(std::move(weights));
    }
}

}  // namespace diracs
