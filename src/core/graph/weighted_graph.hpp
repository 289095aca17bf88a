// Graphs with positive couplings c on their edges, and their Laplacians (L d)ᵢ = Σⱼ cᵢⱼ(dᵢ − dⱼ).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "numeric/chunks.hpp"

namespace diracs {

// Both directions of every edge, rows sorted by neighbour; row i is [start[i], start[i + 1]), and from upper[i] on its
// neighbours are above i. No loops, no repeated edges.
struct WeightedGraph {
    std::vector<int> start, upper, neighbour;
    std::vector<double> coupling;
    std::vector<double> diagonal;  // Σⱼ cᵢⱼ

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

// Sorts one row by neighbour and adds up repeated ones: its new length.
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
            for (; b > 0 && neighbour[b - 1] > j; --b) {
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
inline WeightedGraph graph_of_rows(std::vector<int> start, std::vector<int> neighbour, std::vector<double> coupling,
                                   int threads) {
    const std::size_t n = start.size() - 1;
    WeightedGraph graph;
    graph.upper.resize(n);
    graph.diagonal.resize(n);
    std::vector<int> length(n);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) {
            length[v] = sort_row(neighbour.data() + start[v], coupling.data() + start[v], start[v + 1] - start[v]);
        }
    });
    // Where rows have become shorter they move together.
    int out = 0;
    for (std::size_t v = 0; v < n; ++v) {
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
inline WeightedGraph graph_of_edges(int size, const std::vector<int>& number, const int* i, const int* j,
                                    const double* coupling, std::size_t edges, double least, int exponent,
                                    int threads) {
    const double scale = std::scalbn(1.0, exponent);
    std::vector<int> start(static_cast<std::size_t>(size) + 2, 0);
    for (std::size_t e = 0; e < edges; ++e) {
        if (i[e] == j[e] || !(coupling[e] > least)) continue;
        ++start[number[i[e]] + 2];
        ++start[number[j[e]] + 2];
    }
    for (int v = 0; v < size; ++v) start[v + 2] += start[v + 1];
    std::vector<int> neighbour(start[size + 1]);
    std::vector<double> couplings(start[size + 1]);
    for (std::size_t e = 0; e < edges; ++e) {
        if (i[e] == j[e] || !(coupling[e] > least)) continue;
        const int a = number[i[e]], b = number[j[e]];
        const int at_a = start[a + 1]++, at_b = start[b + 1]++;
        neighbour[at_a] = b;
        neighbour[at_b] = a;
        couplings[at_a] = couplings[at_b] = scale * coupling[e];
    }
    start.pop_back();
    return graph_of_rows(std::move(start), std::move(neighbour), std::move(couplings), threads);
}

// Vertices grouped by connected component, each group in increasing order: members [begin[c], begin[c + 1]).
struct Components {
    std::vector<int> begin, members;
    std::vector<int> ground;  // the vertex of each component with the largest diagonal

    explicit Components(const WeightedGraph& graph) {
        const int n = graph.size();
        std::vector<int> label(n, -1), queue;
        queue.reserve(n);
        begin.push_back(0);
        for (int seed = 0; seed < n; ++seed) {
            if (label[seed] >= 0) continue;
            const int c = static_cast<int>(ground.size());
            std::size_t head = queue.size();
            label[seed] = c;
            queue.push_back(seed);
            int largest = seed;
            for (; head < queue.size(); ++head) {
                const int v = queue[head];
                if (graph.diagonal[v] > graph.diagonal[largest]) largest = v;
                for (int k = graph.start[v]; k < graph.start[v + 1]; ++k) {
                    const int w = graph.neighbour[k];
                    if (label[w] >= 0) continue;
                    label[w] = c;
                    queue.push_back(w);
                }
            }
            begin.push_back(static_cast<int>(queue.size()));
            ground.push_back(largest);
        }
        std::vector<int> next(begin.begin(), begin.end() - 1);
        members.resize(n);
        for (int v = 0; v < n; ++v) members[next[label[v]]++] = v;
    }

    int count() const { return static_cast<int>(ground.size()); }

    // Takes the sum of b on each component off its entries, in proportion to the diagonal.
    void balance(const WeightedGraph& graph, std::vector<double>& b) const {
        for (int c = 0; c < count(); ++c) {
            double sum = 0.0, weight = 0.0;
            for (int k = begin[c]; k < begin[c + 1]; ++k) {
                sum += b[members[k]];
                weight += graph.diagonal[members[k]];
            }
            if (!(weight > 0.0)) continue;
            for (int k = begin[c]; k < begin[c + 1]; ++k) b[members[k]] -= sum * (graph.diagonal[members[k]] / weight);
        }
    }

    // Shifts x on each component so that its ground has zero.
    void ground_solution(std::vector<double>& x) const {
        for (int c = 0; c < count(); ++c) {
            const double shift = x[ground[c]];
            for (int k = begin[c]; k < begin[c + 1]; ++k) x[members[k]] -= shift;
        }
    }
};

}  // namespace diracs
