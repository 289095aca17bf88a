// Nested dissection (A. George 1973) of a graph drawn in the plane: halves by the median of the wider axis, between
// them a vertex cover of the edges that are cut. For planar graphs the factors then have O(n log n) entries (R. Lipton,
// D. Rose, R. Tarjan 1979).
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "plane/vec2.hpp"
#include "graph/weighted_graph.hpp"

namespace diracs {

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
    NestedDissection(const WeightedGraph& graph, const std::vector<Vec2>& positions, const Components& components)
        : graph_(graph), positions_(positions), part_(graph.size(), 0), degree_(graph.size(), 0) {
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
    const std::vector<Vec2>& positions_;
    std::vector<int> part_;  // of the current halves; −1 in separators
    std::vector<int> degree_;  // number of edges of the cut that are not yet covered
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

    void halve(int* first, int* middle, int* last) const {
        Vec2 low = positions_[*first], high = low;
        for (const int* v = first; v != last; ++v) {
            const Vec2 p = positions_[*v];
            low = {std::min(low.x, p.x), std::min(low.y, p.y)};
            high = {std::max(high.x, p.x), std::max(high.y, p.y)};
        }
        if (high.x - low.x >= high.y - low.y) {
            std::nth_element(first, middle, last, [this](int a, int b) {
                return positions_[a].x != positions_[b].x ? positions_[a].x < positions_[b].x : a < b;
            });
        } else {
            std::nth_element(first, middle, last, [this](int a, int b) {
                return positions_[a].y != positions_[b].y ? positions_[a].y < positions_[b].y : a < b;
            });
        }
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
