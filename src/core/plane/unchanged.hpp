// Cells that are the same for other weights: what is known of them is kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "plane/neighbours.hpp"

namespace diracs {

// What `couplings` (moments.hpp) has found for the same seeds and density and other weights.
struct KnownCouplings {
    const double* weights;
    std::shared_ptr<const Neighbours> neighbours;
    const double *mass, *first, *second, *sizes;
    const int *i, *j;
    const double* strength;
    std::size_t edges;
};

// A cell depends on its seed's weight, its neighbours and their weights only, and the edges that are listed with it are
// those to neighbours of larger rank.
class UnchangedCells {
public:
    UnchangedCells(const KnownCouplings& known, const double* weights, const Neighbours& neighbours)
        : known_(known), order_(neighbours.order), same_(order_.size()), start_(order_.size() + 1) {
        const Neighbours& before = *known.neighbours;
        const auto kept = [&](int r) { return known.weights[order_[r]] == weights[order_[r]]; };
        for (int r = 0; r < neighbours.ranks(); ++r) {
            const int *others = neighbours.begin(r), *last = others + neighbours.count(r);
            same_[r] = kept(r) && before.hidden[r] == neighbours.hidden[r] && std::all_of(others, last, kept) &&
                       std::equal(others, last, before.begin(r), before.begin(r) + before.count(r));
        }
        std::vector<int> rank(1 + *std::max_element(order_.begin(), order_.end()));
        for (std::size_t r = 0; r < order_.size(); ++r) rank[order_[r]] = static_cast<int>(r);
        for (std::size_t e = 0; e < known.edges; ++e) ++start_[std::min(rank[known.i[e]], rank[known.j[e]]) + 1];
        for (std::size_t r = 0; r < order_.size(); ++r) start_[r + 1] += start_[r];
    }

    // Whether that may be worth the trouble: most of the weights (n,) are the same.
    static bool many(const double* before, const double* weights, std::size_t n) {
        std::size_t same = 0;
        for (std::size_t i = 0; i < n; ++i) same += before[i] == weights[i];
        return n > 0 && 2 * same > n;
    }

    // Copies the moments of a cell that is the same, and calls edge(i, j, strength) for what is listed with it.
    template <class Cells, class Edge>
    bool copy(int rank, Cells& cells, const Edge& edge) const {
        if (!same_[rank]) return false;
        const auto i = static_cast<std::size_t>(order_[rank]);
        cells.mass[i] = known_.mass[i];
        cells.second[i] = known_.second[i];
        std::copy_n(known_.first + 2 * i, 2, cells.first.begin() + 2 * i);
        std::copy_n(known_.sizes + 2 * i, 2, cells.sizes.begin() + 2 * i);
        for (std::size_t e = start_[rank]; e < start_[rank + 1]; ++e) {
            edge(known_.i[e], known_.j[e], known_.strength[e]);
        }
        return true;
    }

private:
    const KnownCouplings& known_;
    const std::vector<int>& order_;
    std::vector<std::uint8_t> same_;  // by rank
    std::vector<std::size_t> start_;  // by rank: of the edges listed with it
};

}  // namespace diracs
