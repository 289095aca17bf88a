// Seeds at fixed positions with weights that change: their order, and the triangulation for the last weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "numeric/parallel.hpp"
#include "plane/neighbours.hpp"
#include "plane/normalize.hpp"
#include "plane/seed_order.hpp"
#include "plane/triangulation.hpp"

namespace diracs {

class SeedTriangulation {
public:
    SeedTriangulation(const double* positions, std::size_t n, int threads)
        : normalization_(positions, checked(n)), order_(normalized(positions, n, threads), threads) {
        seeds_.reserve(order_.order.size());
        for (const int i : order_.order) seeds_.push_back(normalized(positions, i));
    }

    // Neighbours for weights (n,), the same whatever weights have been before.
    std::shared_ptr<const Neighbours> neighbours(const double* weights, int threads) {
        const std::lock_guard<std::mutex> lock(mutex_);
        choose_copies(weights);
        parallel_for(seeds_.size(), kSeedsPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t r = begin; r < end; ++r) {
                    seeds_[r].w = normalization_.weight(weights[order_.order[r]]);
                }
            };
        });
        if (order_.planar && !update(threads)) return last_;
        last_.reset();
        auto found = std::make_shared<Neighbours>(order_.order);
        if (order_.planar) {
            detail::neighbours_in_plane(*triangulation_, seeds_, threads, *found);
        } else if (!seeds_.empty()) {
            detail::neighbours_on_line(seeds_, *found);
        }
        last_ = found;
        return last_;
    }

private:
    static constexpr std::size_t kSeedsPerRange = 16384;

    // Half-edges of 2 n triangles are numbered by 32-bit integers.
    static std::size_t checked(std::size_t n) {
        if (n > (std::size_t{1} << 27)) throw std::length_error("at most 2^27 seeds");
        return n;
    }

    Seed normalized(const double* positions, int i) const {
        return normalization_.position(positions[2 * static_cast<std::size_t>(i)],
                                       positions[2 * static_cast<std::size_t>(i) + 1]);
    }

    std::vector<Seed> normalized(const double* positions, std::size_t n, int threads) const {
        std::vector<Seed> all(n);
        parallel_for(n, kSeedsPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) all[i] = normalized(positions, static_cast<int>(i));
            };
        });
        return all;
    }

    // Of seeds at one position the one of largest weight counts, the first of them if several. The given weights decide:
    // scaling may have rounded differences away.
    void choose_copies(const double* weights) {
        for (auto& [rank, i] : order_.copies) {
            int& best = order_.order[rank];
            if (weights[i] < weights[best] || (weights[i] == weights[best] && i > best)) continue;
            std::swap(best, i);
            last_.reset();
        }
    }

    // Whether neighbours may be others than the last ones. What an interrupt leaves behind is not used again.
    bool update(int threads) {
        std::unique_ptr<Triangulation> triangulation = std::move(triangulation_);
        bool changed = true;
        if (triangulation) {
            changed = triangulation->update(threads);
        } else {
            triangulation = std::make_unique<Triangulation>(seeds_, order_.place, order_.rounds, threads);
        }
        triangulation_ = std::move(triangulation);
        return changed || !last_;
    }

    Normalization normalization_;
    SeedOrder order_;
    std::vector<Seed> seeds_;  // by rank
    std::unique_ptr<Triangulation> triangulation_;
    std::shared_ptr<const Neighbours> last_;
    std::mutex mutex_;
};

// Those of seeds whose weights do not change.
inline std::shared_ptr<const Neighbours> power_neighbours(const double* positions, const double* weights, std::size_t n,
                                                          int threads) {
    return SeedTriangulation(positions, n, threads).neighbours(weights, threads);
}

}  // namespace diracs
