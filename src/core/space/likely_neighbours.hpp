// Pairs of seeds whose cells may well meet, like those of a diagram of the same seeds with other weights. Which they are
// changes how fast cells are found, and not what is found.
#pragma once

#include <cstddef>
#include <vector>

#include "space/seed_tree.hpp"

namespace diracs::space {

// Indices of seeds as they were given.
struct Pairs {
    const int *i = nullptr, *j = nullptr;
    std::size_t count = 0;
};

// The pairs by rank, in both directions.
class LikelyNeighbours {
public:
    LikelyNeighbours() = default;

    LikelyNeighbours(const std::vector<Seed>& seeds, const Pairs& pairs) : first_(seeds.size() + 1, 0) {
        std::vector<int> rank(seeds.size());
        for (std::size_t r = 0; r < seeds.size(); ++r) rank[seeds[r].index] = static_cast<int>(r);
        for (std::size_t k = 0; k < pairs.count; ++k) ++first_[rank[pairs.i[k]] + 1], ++first_[rank[pairs.j[k]] + 1];
        for (std::size_t r = 0; r < seeds.size(); ++r) first_[r + 1] += first_[r];
        others_.resize(first_.back());
        std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
        for (std::size_t k = 0; k < pairs.count; ++k) {
            const int a = rank[pairs.i[k]], b = rank[pairs.j[k]];
            others_[next[a]++] = b, others_[next[b]++] = a;
        }
    }

    bool empty() const { return others_.empty(); }
    const int* begin(int rank) const { return others_.data() + first_[rank]; }
    const int* end(int rank) const { return others_.data() + first_[rank + 1]; }

private:
    std::vector<std::size_t> first_;
    std::vector<int> others_;
};

}  // namespace diracs::space
