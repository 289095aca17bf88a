// Graphs with positive couplings c on their edges, and their Laplacians (L d)ᵢ = Σⱼ cᵢⱼ(dᵢ − dⱼ).
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "numeric/chunks.hpp"
#include "numeric/uninitialized.hpp"

namespace diracs {

// Both directions of every edge, rows sorted by neighbour; row i is [start[i], start[i + 1]), and from upper[i] on its
// neighbours are above i. No loops, no repeated edges.
struct WeightedGraph {
    RawVector<int> start, upper, neighbour;
    RawVector<double> coupling;
    RawVector<double> diagonal;  // Σⱼ cᵢⱼ

    int size() const { return static_cast<int>(diagonal.size()); }

    // What L says of x: r = b − Lx, by differences, so that constants cost no accuracy.
    void residual(const double* b, const double* x, double* r, int threads) const {
        for_chunks(size(), threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                double sum = 0.0;
                for (int k = start[i]; k < start[i + 1]; ++k) sum += coupling[k] * (x[i] - x[neighbour[k]]);
                r[i] = b[i] - sum;
            }
        });
    }
};

// Sorts one row by neighbour and adds up repeated ones, the least first, whatever their order was: its new length.
inline int sort_row(int* neighbour, double* coupling, int length) {
    constexpr int kShort = 24;
    if (length > kShort) {
        std::vector<std::pair<int, double>> row(length);
        for (int k = 0; k < length; ++k) row[k] = {neighbour[k], coupling[k]};
        std::sort(row.begin(), row.end());
        for (int k = 0; k < length; ++k) std::tie(neighbour[k], coupling[k]) = row[k];
    } else {
        for (int a = 1; a < length; ++a) {
            const int j = neighbour[a];
            const double c = coupling[a];
            int b = a;
            for (; b > 0 && (neighbour[b - 1] > j || (neighbour[b - 1] == j && coupling[b - 1] > c)); --b) {
                neighbour[b] = neighbour[b - 1];
                coupling[b] = coupling[b - 1];
            }
            neighbour[b] = j;
            coupling[b] = c;
        }
    }
    int out = std::min(length, 1);
    for (int k = 1; k < length; ++k) {
        if (neighbour[k] == neighbour[out - 1]) {
            coupling[out - 1] += coupling[k];
        } else {
            neighbour[out] = neighbour[k];
            coupling[out++] = coupling[k];
        }
    }
    return out;
}

// The graph whose rows [start[v], start[v + 1]) are in any order, with repeated neighbours or not.
inline WeightedGraph graph_of_rows(RawVector<int> start, RawVector<int> neighbour, RawVector<double> coupling,
                                   int threads) {
    const std::size_t n = start.size() - 1;
    WeightedGraph graph;
    graph.upper.resize(n);
    graph.diagonal.resize(n);
    RawVector<int> length(n);
    std::atomic<bool> shorter{false};
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) {
            length[v] = sort_row(neighbour.data() + start[v], coupling.data() + start[v], start[v + 1] - start[v]);
            if (length[v] < start[v + 1] - start[v]) shorter = true;
        }
    });
    // Where rows have become shorter they move together.
    int out = shorter ? 0 : start[n];
    for (std::size_t v = 0; shorter && v < n; ++v) {
        const int first = start[v];
        start[v] = out;
        if (first != out) {
            std::copy_n(neighbour.begin() + first, length[v], neighbour.begin() + out);
            std::copy_n(coupling.begin() + first, length[v], coupling.begin() + out);
        }
        out += length[v];
    }
    start[n] = out;
    neighbour.resize(out);
    coupling.resize(out);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) {
            double sum = 0.0;
            int upper = start[v + 1];
            for (int k = start[v + 1] - 1; k >= start[v]; --k) {
                if (neighbour[k] > static_cast<int>(v)) upper = k;
            }
            for (int k = start[v]; k < start[v + 1]; ++k) sum += coupling[k];
            graph.upper[v] = upper;
            graph.diagonal[v] = sum;
        }
    });
    graph.start = std::move(start);
    graph.neighbour = std::move(neighbour);
    graph.coupling = std::move(coupling);
    return graph;
}

// The graph of those edges between different vertices whose coupling exceeds `least`, its vertices renumbered and its
// couplings multiplied by a power of two.
inline WeightedGraph graph_of_edges(int size, const RawVector<int>& number, const int* i, const int* j,
                                    const double* coupling, std::size_t edges, double least, int exponent,
                                    int threads) {
    const double scale = std::scalbn(1.0, exponent);
    // Of each row the place of the next entry; threads fill rows in any order, in which these do not stay.
    RawVector<std::atomic<int>> next(size);
    const bool alone = thread_count(threads) == 1;
    const auto advance = [&](int v) {
        if (!alone) return next[v].fetch_add(1, std::memory_order_relaxed);
        const int at = next[v].load(std::memory_order_relaxed);
        next[v].store(at + 1, std::memory_order_relaxed);
        return at;
    };
    const auto for_edges = [&](const auto& visit) {
        for_chunks(edges, threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t e = begin; e < end; ++e) {
                if (i[e] != j[e] && coupling[e] > least) visit(number[i[e]], number[j[e]], coupling[e]);
            }
        });
    };
    for_chunks(size, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) next[v].store(0, std::memory_order_relaxed);
    });
    for_edges([&](int a, int b, double) { advance(a), advance(b); });
    RawVector<int> start(static_cast<std::size_t>(size) + 1);
    start[0] = 0;
    for (int v = 0; v < size; ++v) start[v + 1] = start[v] + next[v].exchange(start[v], std::memory_order_relaxed);
    RawVector<int> neighbour(start[size]);
    RawVector<double> couplings(start[size]);
    for_edges([&](int a, int b, double c) {
        const int at_a = advance(a), at_b = advance(b);
        neighbour[at_a] = b;
        neighbour[at_b] = a;
        couplings[at_a] = couplings[at_b] = scale * c;
    });
    return graph_of_rows(std::move(start), std::move(neighbour), std::move(couplings), threads);
}

// For every vertex the least of its connected component. Trees grow together, each under its least vertex, whichever thread
// comes first.
inline RawVector<int> least_connected(const WeightedGraph& graph, int threads) {
    const std::size_t n = graph.size();
    RawVector<std::atomic<int>> above(n);
    const auto root = [&above](int v) {
        for (int u; (u = above[v].load(std::memory_order_relaxed)) != v; v = u) {
            const int further = above[u].load(std::memory_order_relaxed);
            if (further != u) above[v].compare_exchange_weak(u, further, std::memory_order_relaxed);
        }
        return v;
    };
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) above[v].store(static_cast<int>(v), std::memory_order_relaxed);
    });
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) {
            for (int k = graph.start[v]; k < graph.upper[v]; ++k) {
                int a = root(static_cast<int>(v)), b = root(graph.neighbour[k]);
                while (a != b) {
                    if (a < b) std::swap(a, b);
                    int expected = a;
                    if (above[a].compare_exchange_strong(expected, b, std::memory_order_relaxed)) break;
                    a = root(a), b = root(b);
                }
            }
        }
    });
    RawVector<int> least(n);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) least[v] = root(static_cast<int>(v));
    });
    return least;
}

// Vertices grouped by connected component, each group in increasing order: members [begin[c], begin[c + 1]).
struct Components {
    RawVector<int> begin, members;
    std::vector<int> ground;  // the vertex of each component with the largest diagonal

    explicit Components(const WeightedGraph& graph, int threads) : members(graph.size()) {
        const int n = graph.size();
        RawVector<int> label = least_connected(graph, threads);
        begin.push_back(0);
        for (int v = 0; v < n; ++v) {
            if (label[v] == v) {
                label[v] = count();
                ground.push_back(v);
                begin.push_back(0);
            } else {
                label[v] = label[label[v]];
            }
            const int c = label[v];
            ++begin[c + 1];
            if (graph.diagonal[v] > graph.diagonal[ground[c]]) ground[c] = v;
        }
        for (int c = 0; c < count(); ++c) begin[c + 1] += begin[c];
        std::vector<int> next(begin.begin(), begin.end() - 1);
        for (int v = 0; v < n; ++v) members[next[label[v]]++] = v;
    }

    int count() const { return static_cast<int>(ground.size()); }

    // Takes the sum of b on each component off its entries, in proportion to the diagonal.
    void balance(const WeightedGraph& graph, RawVector<double>& b, int threads) const {
        for (int c = 0; c < count(); ++c) {
            const int* const own = members.data() + begin[c];
            const std::size_t size = begin[c + 1] - begin[c];
            const auto [sum, weight] =
                sum_chunks<2>(size, threads, [&](std::size_t first, std::size_t last, auto& sums) {
                    for (std::size_t k = first; k < last; ++k) {
                        sums[0] += b[own[k]];
                        sums[1] += graph.diagonal[own[k]];
                    }
                });
            if (!(weight > 0.0)) continue;
            const double total = sum, all = weight;
            for_chunks(size, threads, [&](std::size_t first, std::size_t last) {
                for (std::size_t k = first; k < last; ++k) b[own[k]] -= total * (graph.diagonal[own[k]] / all);
            });
        }
    }

    // Shifts x on each component so that its ground has zero.
    void ground_solution(RawVector<double>& x, int threads) const {
        for (int c = 0; c < count(); ++c) {
            const double shift = x[ground[c]];
            const int* const own = members.data() + begin[c];
            for_chunks(begin[c + 1] - begin[c], threads, [&](std::size_t first, std::size_t last) {
                for (std::size_t k = first; k < last; ++k) x[own[k]] -= shift;
            });
        }
    }
};

}  // namespace diracs
