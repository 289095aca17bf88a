// Graphs with positive couplings c on their edges, and their Laplacians (L d)ᵢ = Σⱼ cᵢⱼ(dᵢ − dⱼ).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace diracs {

// Both directions of every edge, rows sorted by neighbour; row i is [start[i], start[i + 1]), and from upper[i] on its
// neighbours are above i. No loops, no repeated edges.
struct WeightedGraph {
    std::vector<int> start, upper, neighbour;
    std::vector<double> coupling;
    std::vector<double> diagonal;  // Σⱼ cᵢⱼ

    int size() const { return static_cast<int>(diagonal.size()); }

    // What L says of x: r = b − Lx, by differences, so that constants cost no accuracy.
    void residual(const double* b, const double* x, double* r) const {
        for (int i = 0; i < size(); ++i) {
            double sum = 0.0;
            for (int k = start[i]; k < start[i + 1]; ++k) sum += coupling[k] * (x[i] - x[neighbour[k]]);
            r[i] = b[i] - sum;
        }
    }
};

// Sorts each row by neighbour, adds up repeated ones and completes `upper` and `diagonal`.
inline void sort_rows(WeightedGraph& graph) {
    const int n = static_cast<int>(graph.start.size()) - 1;
    graph.upper.resize(n);
    graph.diagonal.assign(n, 0.0);
    std::vector<std::pair<int, double>> row;
    int out = 0, begin = 0;
    for (int i = 0; i < n; ++i) {
        const int end = graph.start[i + 1];
        row.clear();
        for (int k = begin; k < end; ++k) row.emplace_back(graph.neighbour[k], graph.coupling[k]);
        begin = end;
        if (row.size() > 24) {
            std::sort(row.begin(), row.end());
        } else {
            for (std::size_t a = 1; a < row.size(); ++a) {
                const auto moved = row[a];
                std::size_t b = a;
                for (; b > 0 && row[b - 1].first > moved.first; --b) row[b] = row[b - 1];
                row[b] = moved;
            }
        }
        graph.start[i] = out;
        graph.upper[i] = -1;
        for (const auto& [j, c] : row) {
            if (out > graph.start[i] && graph.neighbour[out - 1] == j) {
                graph.coupling[out - 1] += c;
            } else {
                if (j > i && graph.upper[i] < 0) graph.upper[i] = out;
                graph.neighbour[out] = j;
                graph.coupling[out++] = c;
            }
            graph.diagonal[i] += c;
        }
        if (graph.upper[i] < 0) graph.upper[i] = out;
    }
    graph.start[n] = out;
    graph.neighbour.resize(out);
    graph.coupling.resize(out);
}

// The graph of those edges between different vertices whose coupling exceeds `least`, its vertices renumbered and its
// couplings multiplied by a power of two.
inline WeightedGraph graph_of_edges(int size, const std::vector<int>& number, const int* i, const int* j,
                                    const double* coupling, std::size_t edges, double least, int exponent) {
    const double scale = std::scalbn(1.0, exponent);
    WeightedGraph graph;
    graph.start.assign(static_cast<std::size_t>(size) + 2, 0);
    for (std::size_t e = 0; e < edges; ++e) {
        if (i[e] == j[e] || !(coupling[e] > least)) continue;
        ++graph.start[number[i[e]] + 2];
        ++graph.start[number[j[e]] + 2];
    }
    for (int v = 0; v < size; ++v) graph.start[v + 2] += graph.start[v + 1];
    graph.neighbour.resize(graph.start[size + 1]);
    graph.coupling.resize(graph.start[size + 1]);
    for (std::size_t e = 0; e < edges; ++e) {
        if (i[e] == j[e] || !(coupling[e] > least)) continue;
        const int a = number[i[e]], b = number[j[e]];
        const int at_a = graph.start[a + 1]++, at_b = graph.start[b + 1]++;
        graph.neighbour[at_a] = b;
        graph.neighbour[at_b] = a;
        graph.coupling[at_a] = graph.coupling[at_b] = scale * coupling[e];
    }
    graph.start.pop_back();
    sort_rows(graph);
    return graph;
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
