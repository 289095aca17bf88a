// Neighbours of every seed in the power diagram of the plane, from the regular triangulation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "numeric/interrupt.hpp"
#include "plane/normalize.hpp"
#include "numeric/parallel.hpp"
#include "numeric/spatial_order.hpp"
#include "plane/predicates.hpp"
#include "plane/triangulation.hpp"

namespace diracs {

// The distinct seeds are numbered in the order of the triangulation, which is spatially coherent: rank r is seed
// order[r], its neighbours have the ranks neighbours[start[r]] … neighbours[start[r + 1] − 1], counterclockwise. They
// include all seeds that share an edge of positive length; seeds without neighbours are hidden unless there is only
// one rank.
struct Neighbours {
    std::vector<std::int64_t> representative;  // of each seed: the one at the same position that is kept
    std::vector<int> order;
    std::vector<std::int64_t> start;
    std::vector<int> neighbours;
    std::vector<std::uint8_t> hidden;  // by rank: the cell is empty

    int ranks() const { return static_cast<int>(order.size()); }
};

namespace detail {

// Keeps, of every run of equal positions, the seed of largest weight, the first of them if several. The given weights
// decide: scaling may have rounded differences away.
inline std::vector<std::int64_t> remove_duplicates(const std::vector<Seed>& seeds, const double* weights,
                                                   std::vector<int>& order) {
    std::vector<std::int64_t> representative(seeds.size());
    std::size_t kept = 0;
    for (std::size_t k = 0; k < order.size();) {
        const Seed& here = seeds[order[k]];
        std::size_t end = k + 1;
        int best = order[k];
        for (; end < order.size() && seeds[order[end]].x == here.x && seeds[order[end]].y == here.y; ++end) {
            const int i = order[end];
            if (weights[i] > weights[best] || (weights[i] == weights[best] && i < best)) best = i;
        }
        for (; k < end; ++k) representative[order[k]] = best;
        order[kept++] = best;
    }
    order.resize(kept);
    return representative;
}

// Rounds of 3/4, 3/16, … of the seeds, last one first, each in the order that it had.
inline std::vector<int> rounds(const std::vector<int>& order) {
    int last = 0;
    for (std::size_t m = order.size(); m > 1000; m /= 4) ++last;
    std::vector<std::vector<int>> round(last + 1);
    for (const int i : order) {
        std::uint64_t bits = scramble(static_cast<std::uint64_t>(i));
        int r = last;
        for (; r > 0 && (bits & 3) == 0; bits >>= 2) --r;
        round[r].push_back(i);
    }
    std::vector<int> result;
    result.reserve(order.size());
    for (const auto& r : round) result.insert(result.end(), r.begin(), r.end());
    return result;
}

// Seeds on one line: the lower hull of the lifted seeds along it (A. M. Andrew 1979, the lower half).
inline std::vector<int> lower_envelope(const std::vector<Seed>& seeds) {
    std::vector<int> along(seeds.size());
    for (std::size_t i = 0; i < along.size(); ++i) along[i] = static_cast<int>(i);
    std::sort(along.begin(), along.end(), [&seeds](int i, int j) {
        return seeds[i].x != seeds[j].x ? seeds[i].x < seeds[j].x : seeds[i].y < seeds[j].y;
    });
    const bool vertical = seeds[along.front()].x == seeds[along.back()].x;
    const auto is_below = [&seeds, vertical](int a, int b, int c) {
        const Seed &p = seeds[a], &q = seeds[b], &r = seeds[c];
        const auto pq = vertical ? exact_difference(q.y, p.y) : exact_difference(q.x, p.x);
        const auto qr = vertical ? exact_difference(r.y, q.y) : exact_difference(r.x, q.x);
        const auto h = exact::lift(q);
        return (pq * (exact::lift(r) - h) - qr * (h - exact::lift(p))).sign() > 0;
    };
    std::vector<int> envelope;
    for (const int i : along) {
        poll_interrupt();
        while (envelope.size() >= 2 && !is_below(*(envelope.end() - 2), envelope.back(), i)) envelope.pop_back();
        envelope.push_back(i);
    }
    return envelope;
}

inline void neighbours_on_line(const std::vector<Seed>& seeds, Neighbours& result) {
    const std::vector<int> envelope = lower_envelope(seeds);
    const std::size_t n = seeds.size(), m = envelope.size();
    std::vector<std::size_t> place(n, m);
    for (std::size_t k = 0; k < m; ++k) place[envelope[k]] = k;
    for (std::size_t r = 0; r < n; ++r) {
        const std::size_t k = place[r];
        result.hidden[r] = k == m;
        if (k < m && k > 0) result.neighbours.push_back(envelope[k - 1]);
        if (k + 1 < m) result.neighbours.push_back(envelope[k + 1]);
        result.start[r + 1] = static_cast<std::int64_t>(result.neighbours.size());
    }
}

inline void neighbours_in_plane(const std::vector<Seed>& seeds, int threads, Neighbours& result) {
    const Triangulation triangulation(seeds);
    const auto& triangles = triangulation.triangles();
    std::vector<int> out(seeds.size(), -1);  // a half-edge that leaves each vertex
    for (std::size_t t = 0; t < triangles.size(); ++t) {
        if (triangles[t].vertex[0] == Triangulation::kUnused) continue;
        for (int k = 0; k < 3; ++k) {
            const int e = static_cast<int>(4 * t) + k, r = triangulation.origin(e);
            if (r == Triangulation::kGhost) continue;
            out[r] = e;
            result.start[r + 1] += triangulation.target(e) != Triangulation::kGhost;
        }
    }
    for (std::size_t r = 0; r < seeds.size(); ++r) {
        result.hidden[r] = out[r] < 0;
        result.start[r + 1] += result.start[r];
    }
    result.neighbours.resize(static_cast<std::size_t>(result.start.back()));
    parallel_for(seeds.size(), 4096, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t r = begin; r < end; ++r) {
                int* neighbour = result.neighbours.data() + result.start[r];
                for (int e = out[r]; e >= 0;) {
                    if (triangulation.target(e) != Triangulation::kGhost) *neighbour++ = triangulation.target(e);
                    e = triangulation.twin(triangulation.previous(e));
                    if (e == out[r]) break;
                }
            }
        };
    });
}

}  // namespace detail

inline Neighbours power_neighbours(const double* positions, const double* weights, std::size_t n, int threads) {
    // Half-edges of 2 n triangles are numbered by 32-bit integers.
    if (n > (std::size_t{1} << 27)) throw std::length_error("at most 2^27 seeds");
    const std::vector<Seed> all = normalize(positions, weights, n);
    Neighbours result;
    result.order.resize(n);
    for (std::size_t i = 0; i < n; ++i) result.order[i] = static_cast<int>(i);
    const auto coordinate = [&all](int i, int axis) { return axis == 0 ? all[i].x : all[i].y; };
    hilbert_sort<2>(coordinate, result.order.data(), result.order.data() + n);
    poll_interrupt();
    result.representative = detail::remove_duplicates(all, weights, result.order);
    poll_interrupt();
    result.order = detail::rounds(result.order);
    poll_interrupt();

    const auto seed = [&](std::size_t r) -> const Seed& { return all[result.order[r]]; };
    std::size_t third = 2;
    while (third < result.order.size() && orient(seed(0), seed(1), seed(third)) == 0) ++third;
    const bool planar = third < result.order.size();
    if (planar) std::swap(result.order[2], result.order[third]);
    std::vector<Seed> seeds(result.order.size());
    for (std::size_t r = 0; r < seeds.size(); ++r) seeds[r] = seed(r);

    result.start.assign(seeds.size() + 1, 0);
    result.hidden.assign(seeds.size(), 0);
    if (planar) {
        detail::neighbours_in_plane(seeds, threads, result);
    } else if (!seeds.empty()) {
        detail::neighbours_on_line(seeds, result);
    }
    return result;
}

}  // namespace diracs
