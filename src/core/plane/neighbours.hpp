// Neighbours of every seed in the power diagram of the plane, from the regular triangulation.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "numeric/parallel.hpp"
#include "numeric/uninitialized.hpp"
#include "plane/envelope.hpp"
#include "plane/predicates.hpp"
#include "plane/triangulation.hpp"

namespace diracs {

// The distinct positions are numbered by ranks, in an order that is spatially coherent: rank r is seed order[r]. Its
// neighbours are the seeds whose cells share an edge of positive length with its cell in the plane, hence the same for all
// regular triangulations of the seeds. Seeds without neighbours are hidden unless there is only one rank.
struct Neighbours {
    static constexpr std::size_t kSeedsPerRange = 4096;

    std::vector<int> order;
    RawVector<std::uint8_t> hidden;         // by rank: the cell has no inside
    RawVector<std::uint32_t> start;         // by rank: of its neighbours among those of its range
    std::vector<std::vector<int>> related;  // for each range of ranks: all neighbours

    explicit Neighbours(const std::vector<int>& seeds)
        : order(seeds),
          hidden(seeds.size()),
          start(seeds.size()),
          related((seeds.size() + kSeedsPerRange - 1) / kSeedsPerRange) {}

    int ranks() const { return static_cast<int>(order.size()); }

    // Counterclockwise, from the least rank on.
    const int* begin(int r) const { return related[r / kSeedsPerRange].data() + start[r]; }
    std::size_t count(int r) const {
        const auto following = static_cast<std::size_t>(r) + 1;
        const bool last = following == order.size() || following % kSeedsPerRange == 0;
        return (last ? related[r / kSeedsPerRange].size() : start[following]) - start[r];
    }
};

namespace detail {

inline void neighbours_on_line(const std::vector<Seed>& seeds, Neighbours& result) {
    const std::vector<int> envelope = lower_envelope(seeds);
    const std::size_t n = seeds.size(), m = envelope.size();
    std::vector<std::size_t> place(n, m);
    for (std::size_t k = 0; k < m; ++k) place[envelope[k]] = k;
    for (std::size_t r = 0; r < n; ++r) {
        const std::size_t k = place[r];
        std::vector<int>& range = result.related[r / Neighbours::kSeedsPerRange];
        result.hidden[r] = k == m;
        result.start[r] = static_cast<std::uint32_t>(range.size());
        if (k < m && k > 0) range.push_back(envelope[k - 1]);
        if (k + 1 < m) range.push_back(envelope[k + 1]);
    }
}

// The edges of a triangulation that are not flat: those of the faces of the lower hull. A vertex of the triangulation that
// is none of the hull has two of them, on one line, or none at all.
class HullEdges {
public:
    HullEdges(const Triangulation& triangulation, const std::vector<Seed>& seeds)
        : triangulation_(triangulation), mesh_(triangulation.mesh()), seeds_(seeds) {}

    // Appends the other ends of the edges from vertex r; none, and false, if it is no vertex of the hull.
    bool append(int r, std::vector<int>& ends) const {
        const std::size_t begin = ends.size();
        const int first = triangulation_.leaving(r);
        if (first < 0) return false;
        bool on_border = false;
        int e = first;
        do {
            if (mesh_.target(e) == HalfEdges::kGhost) {
                on_border = true;
            } else if (!triangulation_.is_flat(e)) {
                ends.push_back(mesh_.target(e));
            }
            e = mesh_.counterclockwise(e);
        } while (e != first);
        const std::size_t count = ends.size() - begin;
        if (count > 2) return true;
        if (count == 2 && on_border && orient(seeds_[ends[begin]], seeds_[r], seeds_[ends[begin + 1]]) != 0)
            return true;
        ends.resize(begin);
        return false;
    }

    // Writes them, with the next vertices of the hull in place of those that are none.
    void rewrite(int r, const std::uint8_t* hidden, int* ends) const {
        const int first = triangulation_.leaving(r);
        int e = first;
        do {
            if (is_edge(e)) *ends++ = vertex_along(e, hidden);
            e = mesh_.counterclockwise(e);
        } while (e != first);
    }

private:
    bool is_edge(int e) const { return mesh_.target(e) != HalfEdges::kGhost && !triangulation_.is_flat(e); }

    int vertex_along(int e, const std::uint8_t* hidden) const {
        while (hidden[mesh_.target(e)]) {
            const int back = mesh_.twin(e);
            for (e = mesh_.counterclockwise(back); !is_edge(e);) e = mesh_.counterclockwise(e);
        }
        return mesh_.target(e);
    }

    const Triangulation& triangulation_;
    const HalfEdges& mesh_;
    const std::vector<Seed>& seeds_;
};

inline void neighbours_in_plane(const Triangulation& triangulation, const std::vector<Seed>& seeds, int threads,
                                Neighbours& result) {
    const HullEdges edges(triangulation, seeds);
    std::atomic<bool> complete{true};  // all vertices are those of the hull
    parallel_for(seeds.size(), Neighbours::kSeedsPerRange, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            std::vector<int>& range = result.related[begin / Neighbours::kSeedsPerRange];
            range.reserve(6 * (end - begin) + 32);
            for (std::size_t r = begin; r < end; ++r) {
                const auto rank = static_cast<int>(r);
                result.start[r] = static_cast<std::uint32_t>(range.size());
                result.hidden[r] = !edges.append(rank, range);
                if (result.hidden[r] && triangulation.leaving(rank) >= 0) complete = false;
                const auto ring = range.begin() + result.start[r];
                std::rotate(ring, std::min_element(ring, range.end()), range.end());
            }
        };
    });
    if (complete) return;
    parallel_for(seeds.size(), Neighbours::kSeedsPerRange, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            std::vector<int>& range = result.related[begin / Neighbours::kSeedsPerRange];
            for (std::size_t r = begin; r < end; ++r) {
                const auto rank = static_cast<int>(r);
                int* const ring = range.data() + result.start[r];
                int* const last = ring + result.count(rank);
                if (std::none_of(ring, last, [&](int v) { return result.hidden[v] != 0; })) continue;
                edges.rewrite(rank, result.hidden.data(), ring);
                std::rotate(ring, std::min_element(ring, last), last);
            }
        };
    });
}

}  // namespace detail
}  // namespace diracs
