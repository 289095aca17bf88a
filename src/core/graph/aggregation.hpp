// Coarse graphs by aggregation of strongly joined vertices, in pairs, twice (Y. Notay 2010; A. Napov, Y. Notay 2012).
// Couplings between aggregates are sums of couplings, so that coarse matrices are graph Laplacians again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "graph/weighted_graph.hpp"
#include "numeric/chunks.hpp"

namespace diracs {

// The aggregate of each vertex, and their members: aggregate a has members [begin[a], begin[a + 1]), in increasing order.
struct Aggregates {
    RawVector<int> of;
    std::vector<int> begin;
    RawVector<int> members;

    int count() const { return static_cast<int>(begin.size()) - 1; }

    // From the numbers of the aggregates, below `count`.
    Aggregates(RawVector<int> numbers, int count)
        : of(std::move(numbers)), begin(static_cast<std::size_t>(count) + 1, 0), members(of.size()) {
        for (const int a : of) ++begin[a + 1];
        std::partial_sum(begin.begin(), begin.end(), begin.begin());
        std::vector<int> next(begin.begin(), begin.end() - 1);
        for (std::size_t i = 0; i < of.size(); ++i) members[next[of[i]]++] = static_cast<int>(i);
    }
};

// A pair costs a two-grid method at most μ = 2/(1/Dᵢ + 1/Dⱼ)/cᵢⱼ (Napov & Notay, for rows of sum zero), D the
// diagonal. Vertices take, one after another, the free neighbour with the least μ, if that is good enough: first in each
// chunk, then those that are left; a vertex without any joins the aggregate of the neighbour to which it owes most of
// its diagonal.
inline Aggregates pairs(const WeightedGraph& graph, double worst, int threads) {
    const int n = graph.size();
    const std::size_t chunks = (n + kChunkSize - 1) / kChunkSize;
    RawVector<int> root(n);  // of each vertex's aggregate, one of its members
    const auto pair = [&](int i, int first, int last) {
        int best = -1;
        double least = 1.0 / worst;
        for (int k = graph.start[i]; k < graph.start[i + 1]; ++k) {
            const int j = graph.neighbour[k];
            if (j < first || j >= last || root[j] >= 0) continue;
            // 1/μ, without the overflow of 1/D.
            const double quality =
                0.5 * (graph.coupling[k] / graph.diagonal[i] + graph.coupling[k] / graph.diagonal[j]);
            if (quality > least) {
                least = quality;
                best = j;
            }
        }
        if (best >= 0) root[i] = root[best] = i;
        return best >= 0;
    };
    std::vector<std::vector<int>> left(chunks);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        std::fill(root.begin() + begin, root.begin() + end, -1);
        for (int i = static_cast<int>(begin); i < static_cast<int>(end); ++i) {
            if (root[i] < 0 && !pair(i, static_cast<int>(begin), static_cast<int>(end))) {
                left[begin / kChunkSize].push_back(i);
            }
        }
    });
    const auto join = [&](int i) {
        if (root[i] >= 0 || pair(i, 0, n)) return;
        int strongest = -1;
        double most = 0.0;
        for (int k = graph.start[i]; k < graph.start[i + 1]; ++k) {
            if (graph.coupling[k] > most) {
                most = graph.coupling[k];
                strongest = graph.neighbour[k];
            }
        }
        const bool joins = strongest >= 0 && root[strongest] >= 0 && most >= 0.25 * graph.diagonal[i];
        root[i] = joins ? root[strongest] : i;
    };
    for (const std::vector<int>& chunk : left) std::for_each(chunk.begin(), chunk.end(), join);
    std::vector<int> first(chunks + 1, 0);  // number of the first root of each chunk
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) first[begin / kChunkSize + 1] += root[i] == static_cast<int>(i);
    });
    std::partial_sum(first.begin(), first.end(), first.begin());
    RawVector<int> number(n);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        int next = first[begin / kChunkSize];
        for (std::size_t i = begin; i < end; ++i) {
            if (root[i] == static_cast<int>(i)) number[i] = next++;
        }
    });
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) root[i] = number[root[i]];
    });
    return Aggregates(std::move(root), first[chunks]);
}

inline WeightedGraph coarse_graph(const WeightedGraph& graph, const Aggregates& aggregates, int threads) {
    const std::size_t m = aggregates.count();
    // Rows of each chunk are made on one thread, then put one after another.
    struct Rows {
        std::vector<int> neighbour;
        std::vector<double> coupling;
    };
    std::vector<Rows> rows((m + kChunkSize - 1) / kChunkSize);
    RawVector<int> start(m + 1);
    start[0] = 0;
    parallel_for(rows.size(), 1, threads, [&] {
        // The last row that each aggregate is a neighbour in, and where.
        return [&, row = std::vector<int>(m, -1), place = std::vector<int>(m)](std::size_t chunk, std::size_t) mutable {
            Rows& own = rows[chunk];
            const std::size_t begin = chunk * kChunkSize, end = std::min(m, begin + kChunkSize);
            for (std::size_t a = begin; a < end; ++a) {
                const int first = static_cast<int>(own.neighbour.size());
                for (int s = aggregates.begin[a]; s < aggregates.begin[a + 1]; ++s) {
                    const int i = aggregates.members[s];
                    for (int k = graph.start[i]; k < graph.start[i + 1]; ++k) {
                        const int b = aggregates.of[graph.neighbour[k]];
                        if (b == static_cast<int>(a)) continue;
                        if (row[b] == static_cast<int>(a)) {
                            own.coupling[place[b]] += graph.coupling[k];
                        } else {
                            row[b] = static_cast<int>(a);
                            place[b] = static_cast<int>(own.neighbour.size());
                            own.neighbour.push_back(b);
                            own.coupling.push_back(graph.coupling[k]);
                        }
                    }
                }
                start[a + 1] = static_cast<int>(own.neighbour.size()) - first;
            }
        };
    });
    std::partial_sum(start.begin(), start.end(), start.begin());
    RawVector<int> neighbour(start[m]);
    RawVector<double> coupling(start[m]);
    for_chunks(m, threads, [&](std::size_t begin, std::size_t) {
        const Rows& own = rows[begin / kChunkSize];
        std::copy(own.neighbour.begin(), own.neighbour.end(), neighbour.begin() + start[begin]);
        std::copy(own.coupling.begin(), own.coupling.end(), coupling.begin() + start[begin]);
    });
    return graph_of_rows(std::move(start), std::move(neighbour), std::move(coupling), threads);
}

}  // namespace diracs
