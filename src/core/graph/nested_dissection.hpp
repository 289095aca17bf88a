// Nested dissection (A. George 1973) of a graph drawn in space of any dimension: halves by the median of the widest axis,
// between them a vertex cover of the edges that are cut. For planar graphs the factors then have O(n log n) entries (R.
// Lipton, D. Rose, R. Tarjan 1979).
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "graph/weighted_graph.hpp"
#include "numeric/uninitialized.hpp"

namespace diracs {

// Where the vertices of a graph are drawn. Positions guide orders; answers are right whatever they are.
struct Places {
    RawVector<double> coordinates;  // (n, width)
    int width;

    Places(std::size_t n, int dimension) : coordinates(n * dimension), width(dimension) {}

    double* operator[](int v) { return coordinates.data() + static_cast<std::size_t>(v) * width; }
    const double* operator[](int v) const { return coordinates.data() + static_cast<std::size_t>(v) * width; }
};

// An order of elimination, cut into fronts of consecutive vertices: separators after the parts they separate.
struct EliminationOrder {
    std::vector<int> vertices;
    std::vector<int> front_begin{0};

    void close_front() {
        const int end = static_cast<int>(vertices.size());
        if (front_begin.back() < end) front_begin.push_back(end);
    }
};

class NestedDissection {
public:
    static constexpr int kLeaf = 20;

    // The ground of each component comes last of all its vertices.
    NestedDissection(const WeightedGraph& graph, const Places& places, const Components& components)
        : graph_(graph),
          places_(places),
          part_(graph.size(), 0),
          degree_(graph.size(), 0),
          low_(places.width),
          high_(places.width) {
        order_.vertices.reserve(graph.size());
        std::vector<int> vertices;
        for (int c = 0; c < components.count(); ++c) {
            vertices.clear();
            for (int k = components.begin[c]; k < components.begin[c + 1]; ++k) {
                if (components.members[k] != components.ground[c]) vertices.push_back(components.members[k]);
            }
            part_[components.ground[c]] = -1;
            const int part = ++parts_;
            for (const int v : vertices) part_[v] = part;
            dissect(vertices.data(), vertices.data() + vertices.size(), components.ground[c]);
        }
    }

    EliminationOrder take() { return std::move(order_); }

private:
    const WeightedGraph& graph_;
    const Places& places_;
    std::vector<int> part_;           // of the current halves; −1 in separators
    std::vector<int> degree_;         // number of edges of the cut that are not yet covered
    std::vector<double> low_, high_;  // of a box
    EliminationOrder order_;
    int parts_ = 0;

    // Orders [first, last); `extra` ≥ 0 joins the last front.
    void dissect(int* first, int* last, int extra) {
        std::vector<int> separator;
        if (last - first > kLeaf) {
            poll_interrupt();
            int* middle = first + (last - first) / 2;
            halve(first, middle, last);
            const int left = ++parts_, right = ++parts_;
            for (int* v = first; v != middle; ++v) part_[*v] = left;
            for (int* v = middle; v != last; ++v) part_[*v] = right;
            cover(first, middle, left, right, separator);
            for (const int v : separator) part_[v] = -1;
            const auto kept = [this](int v) { return part_[v] >= 0; };
            dissect(first, std::partition(first, middle, kept), -1);
            dissect(middle, std::partition(middle, last, kept), -1);
        } else {
            separator.assign(first, last);
        }
        order_.vertices.insert(order_.vertices.end(), separator.begin(), separator.end());
        if (extra >= 0) order_.vertices.push_back(extra);
        order_.close_front();
    }

    void halve(int* first, int* middle, int* last) {
        const int width = places_.width;
        std::copy_n(places_[*first], width, low_.begin());
        std::copy_n(places_[*first], width, high_.begin());
        for (const int* v = first; v != last; ++v) {
            const double* const p = places_[*v];
            for (int a = 0; a < width; ++a) {
                low_[a] = std::min(low_[a], p[a]);
                high_[a] = std::max(high_[a], p[a]);
            }
        }
        int widest = 0;
        for (int a = 1; a < width; ++a) {
            if (high_[a] - low_[a] > high_[widest] - low_[widest]) widest = a;
        }
        std::nth_element(first, middle, last, [this, widest](int a, int b) {
            const double at_a = places_[a][widest], at_b = places_[b][widest];
            return at_a != at_b ? at_a < at_b : a < b;
        });
    }

    template <class Visit>
    void across(int v, int other, const Visit& visit) const {
        for (int k = graph_.start[v]; k < graph_.start[v + 1]; ++k) {
            if (part_[graph_.neighbour[k]] == other) visit(graph_.neighbour[k]);
        }
    }

    // A vertex cover of the edges between two parts: the neighbour of a vertex of degree one is always a best choice,
    // and edges cut by a line in a triangulation form a tree, where nothing else is needed. Else the largest degree.
    void cover(const int* first, const int* last, int left, int right, std::vector<int>& chosen) {
        std::vector<int> border, ones;
        for (const int* v = first; v != last; ++v) {
            across(*v, right, [&](int w) {
                if (degree_[*v]++ == 0) border.push_back(*v);
                if (degree_[w]++ == 0) border.push_back(w);
            });
        }
        for (const int v : border) {
            if (degree_[v] == 1) ones.push_back(v);
        }
        const auto other = [&](int v) { return part_[v] == left ? right : left; };
        const auto choose = [&](int v) {
            chosen.push_back(v);
            across(v, other(v), [&](int w) {
                if (degree_[w] > 0 && --degree_[w] == 1) ones.push_back(w);
            });
            degree_[v] = 0;
        };
        std::vector<int> rest;
        bool sorted = false;
        for (;;) {
            while (!ones.empty()) {
                const int v = ones.back();
                ones.pop_back();
                if (degree_[v] != 1) continue;
                int partner = -1;
                across(v, other(v), [&](int w) {
                    if (degree_[w] > 0) partner = w;
                });
                choose(partner);
            }
            if (!sorted) {
                for (const int v : border) {
                    if (degree_[v] > 0) rest.push_back(v);
                }
                std::stable_sort(rest.begin(), rest.end(), [this](int a, int b) { return degree_[a] < degree_[b]; });
                sorted = true;
            }
            while (!rest.empty() && degree_[rest.back()] == 0) rest.pop_back();
            if (rest.empty()) break;
            choose(rest.back());
        }
    }
};

}  // namespace diracs
