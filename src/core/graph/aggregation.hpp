// Coarse graphs by aggregation of strongly joined vertices, in pairs, twice (Y. Notay 2010; A. Napov, Y. Notay 2012).
// Couplings between aggregates are sums of couplings, so that coarse matrices are graph Laplacians again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "graph/weighted_graph.hpp"

namespace diracs {

// The aggregate of each vertex, numbered by their first vertices.
struct Aggregates {
    std::vector<int> of;
    int count = 0;
};

// A pair costs a two-grid method at most μ = 2/(1/Dᵢ + 1/Dⱼ)/cᵢⱼ (Napov & Notay, for rows of sum zero), D the
// diagonal. Vertices take, one after another, the free neighbour with the least μ, if that is good enough; a vertex
// without any joins the aggregate of the neighbour to which it owes most of its diagonal.
inline Aggregates pairs(const WeightedGraph& graph, double worst) {
    const int n = graph.size();
    Aggregates result;
    result.of.assign(n, -1);
    for (int i = 0; i < n; ++i) {
        if (result.of[i] >= 0) continue;
        int best = -1;
        double least = 1.0 / worst;
        for (int k = graph.start[i]; k < graph.start[i + 1]; ++k) {
            const int j = graph.neighbour[k];
            if (result.of[j] >= 0) continue;
            // 1/μ, without the overflow of 1/D.
            const double quality =
                0.5 * (graph.coupling[k] / graph.diagonal[i] + graph.coupling[k] / graph.diagonal[j]);
            if (quality > least) {
                least = quality;
                best = j;
            }
        }
        if (best >= 0) {
            result.of[i] = result.of[best] = result.count++;
            continue;
        }
        int strongest = -1;
        double most = 0.0;
        for (int k = graph.start[i]; k < graph.start[i + 1]; ++k) {
            if (graph.coupling[k] > most) {
                most = graph.coupling[k];
                strongest = graph.neighbour[k];
            }
        }
        if (strongest >= 0 && result.of[strongest] >= 0 && most >= 0.25 * graph.diagonal[i]) {
            result.of[i] = result.of[strongest];
        } else {
            result.of[i] = result.count++;
        }
    }
    return result;
}

inline WeightedGraph coarse_graph(const WeightedGraph& graph, const Aggregates& aggregates) {
    const int n = graph.size(), m = aggregates.count;
    std::vector<int> begin(static_cast<std::size_t>(m) + 1, 0), members(n);
    for (const int a : aggregates.of) ++begin[a + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    {
        std::vector<int> next(begin.begin(), begin.end() - 1);
        for (int i = 0; i < n; ++i) members[next[aggregates.of[i]]++] = i;
    }
    WeightedGraph coarse;
    coarse.start.reserve(static_cast<std::size_t>(m) + 1);
    coarse.start.push_back(0);
    coarse.neighbour.reserve(graph.neighbour.size() / 2);
    coarse.coupling.reserve(graph.neighbour.size() / 2);
    std::vector<int> place(m, -1);
    for (int a = 0; a < m; ++a) {
        const int first = coarse.start.back();
        for (int s = begin[a]; s < begin[a + 1]; ++s) {
            const int i = members[s];
            for (int k = graph.start[i]; k < graph.start[i + 1]; ++k) {
                const int b = aggregates.of[graph.neighbour[k]];
                if (b == a) continue;
                if (place[b] >= first) {
                    coarse.coupling[place[b]] += graph.coupling[k];
                } else {
                    place[b] = static_cast<int>(coarse.neighbour.size());
                    coarse.neighbour.push_back(b);
                    coarse.coupling.push_back(graph.coupling[k]);
                }
            }
        }
        coarse.start.push_back(static_cast<int>(coarse.neighbour.size()));
    }
    sort_rows(coarse);
    return coarse;
}

}  // namespace diracs
