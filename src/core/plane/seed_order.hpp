// The order in which seeds are inserted: random rounds, each along a Hilbert curve (N. Amenta, S. Choi & G. Rote 2003).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "numeric/spatial_order.hpp"
#include "plane/predicates.hpp"

namespace diracs {

struct SeedOrder {
    std::vector<int> order;                   // the distinct positions' ranks: of each the first seed there
    std::vector<std::uint32_t> place;         // by rank: where it is on the curve, as a share of 2^32
    std::vector<int> rounds;                  // ranks at which the rounds begin, and their number
    std::vector<std::pair<int, int>> copies;  // rank and seed, for all other seeds
    bool planar = false;                      // the first three positions are not collinear; else all are

    SeedOrder(const std::vector<Seed>& seeds, int threads) : rounds{0} {
        std::vector<int> along(seeds.size());
        for (std::size_t i = 0; i < seeds.size(); ++i) along[i] = static_cast<int>(i);
        const auto coordinate = [&seeds](int i, int axis) { return axis == 0 ? seeds[i].x : seeds[i].y; };
        hilbert_sort<2>(coordinate, along.data(), along.data() + along.size(), threads);
        poll_interrupt();
        std::vector<std::pair<int, int>> same = remove_copies(seeds, along);
        cut_into_rounds(along);
        poll_interrupt();
        if (!same.empty()) {
            std::vector<int> rank(seeds.size());
            for (std::size_t r = 0; r < order.size(); ++r) rank[order[r]] = static_cast<int>(r);
            for (auto& [first, seed] : same) first = rank[first];
        }
        copies = std::move(same);
        start_with_triangle(seeds);
    }

private:
    // Keeps one seed of every run of equal positions; pairs of it and each other one.
    static std::vector<std::pair<int, int>> remove_copies(const std::vector<Seed>& seeds, std::vector<int>& along) {
        std::vector<std::pair<int, int>> same;
        std::size_t kept = 0;
        for (const int i : along) {
            const int last = kept == 0 ? i : along[kept - 1];
            if (kept > 0 && seeds[i].x == seeds[last].x && seeds[i].y == seeds[last].y) {
                same.emplace_back(last, i);
            } else {
                along[kept++] = i;
            }
        }
        along.resize(kept);
        return same;
    }

    // Rounds of 3/4, 3/16, … of the seeds, last one first.
    void cut_into_rounds(const std::vector<int>& along) {
        int last = 0;
        for (std::size_t m = along.size(); m > 1000; m /= 4) ++last;
        const auto round_of = [last](int i) {
            std::uint64_t bits = scramble(static_cast<std::uint64_t>(i));
            int r = last;
            for (; r > 0 && (bits & 3) == 0; bits >>= 2) --r;
            return r;
        };
        rounds.assign(last + 2, 0);
        for (const int i : along) ++rounds[round_of(i) + 1];
        for (std::size_t r = 1; r < rounds.size(); ++r) rounds[r] += rounds[r - 1];
        std::vector<int> end(rounds);
        order.resize(along.size());
        place.resize(along.size());
        for (std::size_t k = 0; k < along.size(); ++k) {
            const int rank = end[round_of(along[k])]++;
            order[rank] = along[k];
            place[rank] = static_cast<std::uint32_t>((static_cast<std::uint64_t>(k) << 32) / along.size());
        }
    }

    // Brings the first position that is not collinear with two others to the third place.
    void start_with_triangle(const std::vector<Seed>& seeds) {
        std::size_t third = 2;
        while (third < order.size() && orient(seeds[order[0]], seeds[order[1]], seeds[order[third]]) == 0) ++third;
        planar = third < order.size();
        if (!planar || third == 2) return;
        const auto to_front = [third](auto& values) {
            std::rotate(values.begin() + 2, values.begin() + third, values.begin() + third + 1);
        };
        to_front(order);
        to_front(place);
        for (std::size_t r = 1; r < rounds.size(); ++r) rounds[r] += rounds[r] <= static_cast<int>(third);
        for (auto& [rank, seed] : copies) {
            if (rank == static_cast<int>(third)) {
                rank = 2;
            } else if (rank >= 2 && rank < static_cast<int>(third)) {
                ++rank;
            }
        }
    }
};

}  // namespace diracs
