// A tree over boxes, rectangles in the plane, each with moments of a law, for sums over balls around many points.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "covering/point.hpp"

namespace diracs {

// Boxes given by opposite corners, with mass, centroid, second moment about it and largest density.
struct Boxes {
    const double *low, *high;     // (m, d)
    const double* mass;           // (m,)
    const double* centroid;       // (m, d)
    const double *second, *peak;  // (m,)
    std::size_t size;
};

// At most N neighbouring points, and their box.
template <int D, int N = 8>
struct Pack {
    static constexpr int kMost = N;

    double at[D][kMost];  // by axis; the last one again in places that are not taken
    int size;
    Point<D> low, high;

    Pack(const double* points, std::size_t count) : size(static_cast<int>(count)) {
        for (int axis = 0; axis < D; ++axis) {
            for (int i = 0; i < kMost; ++i) at[axis][i] = points[D * std::min(i, size - 1) + axis];
            low[axis] = *std::min_element(at[axis], at[axis] + kMost);
            high[axis] = *std::max_element(at[axis], at[axis] + kMost);
        }
    }

    Point<D> point(int i) const {
        Point<D> result;
        for (int axis = 0; axis < D; ++axis) result[axis] = at[axis][i];
        return result;
    }
};

// A box, or the box of those below.
template <int D>
struct BoxNode {
    Point<D> low, high;
    double mass;
    Point<D> centroid;
    double second;     // about the centroid
    double peak;       // largest density
    std::int64_t box;  // its number; −1 if there are nodes below
    std::size_t next;  // after this node and all below it
    // What boxes are given (covering.hpp): least and largest allowance where there is mass, Σ allowance · mass,
    // facilities.
    double least, most, payment, facility;
};

template <int D>
class BoxTree {
    using Node = BoxNode<D>;

public:
    explicit BoxTree(const Boxes& given) {
        std::vector<std::size_t> order(given.size);
        std::iota(order.begin(), order.end(), std::size_t{0});
        nodes_.reserve(2 * given.size);
        if (given.size > 0) build(given, order.data(), order.data() + order.size());
    }

    // Calls single(node) for every box, and both(node, first, second) for the others after the two below them.
    template <class Single, class Both>
    void ascend(const Single& single, const Both& both) {
        for (std::size_t i = nodes_.size(); i-- > 0;) {
            Node& node = nodes_[i];
            if (node.box >= 0) {
                single(node);
            } else {
                both(node, nodes_[i + 1], nodes_[nodes_[i + 1].next]);
            }
        }
    }

    // Calls whole(node) for nodes that are inside, and partial(node) for other boxes that are not outside: as told by
    // outside(node, v), v between the points of the pack's box and the node that are nearest to each other, and
    // inside(node, v), v between those farthest from each other.
    template <class Pack, class Outside, class Inside, class Whole, class Partial>
    void descend(const Pack& pack, const Outside& outside, const Inside& inside, const Whole& whole,
                 const Partial& partial) const {
        for (std::size_t i = 0; i < nodes_.size();) {
            const Node& node = nodes_[i];
            Point<D> near, far;
            for (int k = 0; k < D; ++k) {
                near[k] = std::max({node.low[k] - pack.high[k], pack.low[k] - node.high[k], 0.0});
            }
            if (!outside(node, near)) {
                for (int k = 0; k < D; ++k) far[k] = std::max(node.high[k] - pack.low[k], pack.high[k] - node.low[k]);
                if (inside(node, far)) {
                    whole(node);
                } else if (node.box >= 0) {
                    partial(node);
                } else {
                    ++i;
                    continue;
                }
            }
            i = node.next;
        }
    }

private:
    std::vector<Node> nodes_;  // each before all below it: the first of the two below comes next

    void build(const Boxes& given, std::size_t* first, std::size_t* last) {
        const std::size_t own = nodes_.size();
        nodes_.emplace_back();
        Node node = {};
        if (last - first == 1) {
            const std::size_t i = *first;
            node.low = Point<D>::of(given.low + D * i);
            node.high = Point<D>::of(given.high + D * i);
            node.mass = given.mass[i];
            node.centroid = Point<D>::of(given.centroid + D * i);
            node.second = given.second[i];
            node.peak = given.peak[i];
            node.box = static_cast<std::int64_t>(i);
        } else {
            halve(given, first, last);
            std::size_t* middle = first + (last - first) / 2;
            build(given, first, middle);
            const std::size_t other = nodes_.size();
            build(given, middle, last);
            const Node &a = nodes_[own + 1], &b = nodes_[other];
            for (int k = 0; k < D; ++k) {
                node.low[k] = std::min(a.low[k], b.low[k]);
                node.high[k] = std::max(a.high[k], b.high[k]);
            }
            node.mass = a.mass + b.mass;
            const double share = node.mass > 0.0 ? b.mass / node.mass : 0.5;
            const Point<D> between = b.centroid - a.centroid;
            node.centroid = a.centroid + share * between;
            node.second = a.second + b.second + a.mass * share * norm2(between);
            node.box = -1;
        }
        node.next = nodes_.size();
        nodes_[own] = node;
    }

    // By the median of the centers along the longest side of their box.
    static void halve(const Boxes& given, std::size_t* first, std::size_t* last) {
        const auto center = [&](std::size_t i, int axis) { return given.low[D * i + axis] + given.high[D * i + axis]; };
        double longest = -1.0;
        int axis = 0;
        for (int k = 0; k < D; ++k) {
            double least = HUGE_VAL, most = -HUGE_VAL;
            for (const std::size_t* i = first; i != last; ++i) {
                least = std::min(least, center(*i, k));
                most = std::max(most, center(*i, k));
            }
            if (most - least > longest) longest = most - least, axis = k;
        }
        std::nth_element(first, first + (last - first) / 2, last, [&](std::size_t i, std::size_t j) {
            const double a = center(i, axis), b = center(j, axis);
            return a < b || (a == b && i < j);
        });
    }
};

}  // namespace diracs
