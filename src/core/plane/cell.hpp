// The cell of one seed, clipped to a convex domain.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "plane/clip.hpp"
#include "numeric/expansion.hpp"
#include "plane/seed_triangulation.hpp"
#include "plane/polygon.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Memory that is used again from cell to cell; one per thread.
struct CellScratch {
    std::vector<HalfPlane> domain, bisectors;
    Polygon assembled;
    Clipper clipper;
};

// Cells of weighted seeds in a convex domain (counterclockwise). Cells are asked for by rank (see neighbours.hpp), and
// edges are labelled with ranks: work in this order finds its data in the cache.
class PowerCells {
public:
    PowerCells(const double* positions, const double* weights, std::size_t n, const std::vector<Vec2>& domain,
               int threads)
        : PowerCells(positions, weights, power_neighbours(positions, weights, n, threads), domain, threads) {}

    // With the neighbours for these positions and weights.
    PowerCells(const double* positions, const double* weights, std::shared_ptr<const Neighbours> neighbours,
               const std::vector<Vec2>& domain, int threads)
        : neighbours_(std::move(neighbours)), domain_(domain), low_(domain.front()), high_(domain.front()) {
        seeds_.resize(neighbours_->order.size());
        parallel_for(seeds_.size(), 16384, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t r = begin; r < end; ++r) {
                    const auto i = static_cast<std::size_t>(neighbours_->order[r]);
                    seeds_[r] = {positions[2 * i], positions[2 * i + 1], weights[i]};
                }
            };
        });
        for (std::size_t k = 0; k < domain.size(); ++k) {
            const Vec2 v = domain[k], d = domain[k + 1 == domain.size() ? 0 : k + 1] - v;
            normals_.push_back(half_plane({d.y, -d.x}, 0.0).normal);
            low_ = {std::min(low_.x, v.x), std::min(low_.y, v.y)};
            high_ = {std::max(high_.x, v.x), std::max(high_.y, v.y)};
        }
        reach_ = std::max(high_.x - low_.x, high_.y - low_.y);
    }

    int ranks() const { return neighbours_->ranks(); }
    int index(int rank) const { return neighbours_->order[rank]; }
    double weight(int rank) const { return seeds_[rank].w; }
    Vec2 position(int rank) const { return {seeds_[rank].x, seeds_[rank].y}; }

    // The point of the domain's box nearest to the seed: the seed itself if inside. Coordinates about it are no larger
    // than the box, and moments move from it to the seed by adding terms of one sign.
    Vec2 nearest_in_box(int rank) const {
        const Vec2 y = position(rank);
        return {std::min(std::max(y.x, low_.x), high_.x), std::min(std::max(y.y, low_.y), high_.y)};
    }

    // Coordinates about `origin`; empty if the cell does not meet the domain.
    const Polygon& cell(int rank, Vec2 origin, CellScratch& scratch) const {
        scratch.assembled.clear();
        if (neighbours_->hidden[rank]) return scratch.assembled;
        scratch.domain.clear();
        for (std::size_t k = 0; k < domain_.size(); ++k) {
            scratch.domain.push_back({normals_[k], dot(normals_[k], domain_[k] - origin)});
        }
        const int* others = neighbours_->begin(rank);
        const std::size_t count = neighbours_->count(rank);
        scratch.bisectors.clear();
        for (std::size_t k = 0; k < count; ++k) scratch.bisectors.push_back(bisector(rank, others[k], origin));
        if (assemble(scratch.bisectors, others, scratch.domain, scratch.assembled)) return scratch.assembled;

        Clipper& clipper = scratch.clipper;
        clipper.clear();
        for (std::size_t k = 0; k < domain_.size(); ++k) {
            clipper.push(domain_[k] - origin, kDomainEdge, scratch.domain[k]);
        }
        for (std::size_t k = 0; k < count && !clipper.polygon().empty(); ++k) {
            clipper.clip(scratch.bisectors[k], others[k]);
        }
        // Near the largest double coordinates may overflow; no density has to know.
        const auto finite = [](Vec2 v) { return std::isfinite(v.x) && std::isfinite(v.y); };
        const std::vector<Vec2>& vertices = clipper.polygon().vertices;
        if (!std::all_of(vertices.begin(), vertices.end(), finite)) clipper.clear();
        return clipper.polygon();
    }

private:
    // |x − yᵢ|² − wᵢ <= |x − yⱼ|² − wⱼ for x = o + z: 2 (yⱼ − yᵢ)·z <= |yⱼ − o|² − |yᵢ − o|² + wᵢ − wⱼ. The right-hand
    // side is exact where its terms are so large against the domain that their rounding would move the line visibly.
    HalfPlane bisector(int i, int j, Vec2 o) const {
        const Vec2 yi = position(i), yj = position(j), normal = yj - yi, u = yj - o, v = yi - o;
        const double difference = weight(i) - weight(j);
        const double extent = std::fabs(normal.x) + std::fabs(normal.y);
        double twice = dot(normal, u + v) + difference;
        if (!(norm2(u) + norm2(v) + std::fabs(difference) <= 16.0 * extent * reach_)) twice = exact_offset(i, j, o);
        return half_plane(normal, twice / 2.0);
    }

    double exact_offset(int i, int j, Vec2 o) const {
        const auto square = [](double a, double b) {
            const auto difference = exact_difference(a, b);
            return difference * difference;
        };
        const Seed &p = seeds_[i], &q = seeds_[j];
        const auto far = square(q.x, o.x) + square(q.y, o.y), near = square(p.x, o.x) + square(p.y, o.y);
        return ((far - near) + exact_difference(p.w, q.w)).estimate();
    }

    std::shared_ptr<const Neighbours> neighbours_;
    RawVector<Seed> seeds_;  // by rank
    const std::vector<Vec2>& domain_;
    std::vector<Vec2> normals_;
    Vec2 low_, high_;
    double reach_;  // the domain's size
};

}  // namespace diracs
