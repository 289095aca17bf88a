// A tree over rectangles, each with moments of a law, for sums over discs around many points.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "plane/vec2.hpp"

namespace diracs {

// Rectangles given by opposite corners, with mass, centroid, second moment about it and largest density.
struct Rectangles {
    const double *low, *high;     // (m, 2)
    const double* mass;           // (m,)
    const double* centroid;       // (m, 2)
    const double *second, *peak;  // (m,)
    std::size_t size;
};

// A few neighbouring points, and their box.
struct Pack {
    static constexpr int kMost = 8;

    double x[kMost], y[kMost];  // the last one again in places that are not taken
    int size;
    Vec2 low, high;

    Pack(const double* points, std::size_t count) : size(static_cast<int>(count)) {
        for (int i = 0; i < kMost; ++i) {
            const double* point = points + 2 * std::min(i, size - 1);
            x[i] = point[0], y[i] = point[1];
        }
        low = {*std::min_element(x, x + kMost), *std::min_element(y, y + kMost)};
        high = {*std::max_element(x, x + kMost), *std::max_element(y, y + kMost)};
    }
};

// A rectangle, or the box of those below.
struct RectangleNode {
    Vec2 low, high;
    double mass;
    Vec2 centroid;
    double second;           // about the centroid
    double peak;             // largest density
    std::int64_t rectangle;  // its number; −1 if there are nodes below
    std::size_t next;        // after this node and all below it
    // What rectangles are given (covering.hpp): least and largest allowance where there is mass, Σ allowance · mass,
    // facilities.
    double least, most, payment, facility;
};

class RectangleTree {
public:
    explicit RectangleTree(const Rectangles& given) {
        std::vector<std::size_t> order(given.size);
        std::iota(order.begin(), order.end(), std::size_t{0});
        nodes_.reserve(2 * given.size);
        if (given.size > 0) build(given, order.data(), order.data() + order.size());
    }

    // Calls single(node) for every rectangle, and both(node, first, second) for the others after the two below them.
    template <class Single, class Both>
    void ascend(const Single& single, const Both& both) {
        for (std::size_t i = nodes_.size(); i-- > 0;) {
            RectangleNode& node = nodes_[i];
            if (node.rectangle >= 0) {
                single(node);
            } else {
                both(node, nodes_[i + 1], nodes_[nodes_[i + 1].next]);
            }
        }
    }

    // Calls whole(node) for nodes that are inside, and partial(node) for other rectangles that are not outside: as told
    // by outside(node, v), v between the points of the pack's box and the node that are nearest to each other, and
    // inside(node, v), v between those farthest from each other.
    template <class Outside, class Inside, class Whole, class Partial>
    void descend(const Pack& box, const Outside& outside, const Inside& inside, const Whole& whole,
                 const Partial& partial) const {
        for (std::size_t i = 0; i < nodes_.size();) {
            const RectangleNode& node = nodes_[i];
            const Vec2 near = {std::max({node.low.x - box.high.x, box.low.x - node.high.x, 0.0}),
                               std::max({node.low.y - box.high.y, box.low.y - node.high.y, 0.0})};
            if (!outside(node, near)) {
                const Vec2 far = {std::max(node.high.x - box.low.x, box.high.x - node.low.x),
                                  std::max(node.high.y - box.low.y, box.high.y - node.low.y)};
                if (inside(node, far)) {
                    whole(node);
                } else if (node.rectangle >= 0) {
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
    std::vector<RectangleNode> nodes_;  // each before all below it: the first of the two below comes next

    void build(const Rectangles& given, std::size_t* first, std::size_t* last) {
        const std::size_t own = nodes_.size();
        nodes_.emplace_back();
        RectangleNode node = {};
        if (last - first == 1) {
            const std::size_t i = *first;
            node.low = {given.low[2 * i], given.low[2 * i + 1]};
            node.high = {given.high[2 * i], given.high[2 * i + 1]};
            node.mass = given.mass[i];
            node.centroid = {given.centroid[2 * i], given.centroid[2 * i + 1]};
            node.second = given.second[i];
            node.peak = given.peak[i];
            node.rectangle = static_cast<std::int64_t>(i);
        } else {
            halve(given, first, last);
            std::size_t* middle = first + (last - first) / 2;
            build(given, first, middle);
            const std::size_t other = nodes_.size();
            build(given, middle, last);
            const RectangleNode &a = nodes_[own + 1], &b = nodes_[other];
            node.low = {std::min(a.low.x, b.low.x), std::min(a.low.y, b.low.y)};
            node.high = {std::max(a.high.x, b.high.x), std::max(a.high.y, b.high.y)};
            node.mass = a.mass + b.mass;
            const double share = node.mass > 0.0 ? b.mass / node.mass : 0.5;
            const Vec2 between = b.centroid - a.centroid;
            node.centroid = a.centroid + share * between;
            node.second = a.second + b.second + a.mass * share * norm2(between);
            node.rectangle = -1;
        }
        node.next = nodes_.size();
        nodes_[own] = node;
    }

    // By the median of the centers along the longer side of their box.
    static void halve(const Rectangles& given, std::size_t* first, std::size_t* last) {
        const auto center = [&](std::size_t i, int axis) { return given.low[2 * i + axis] + given.high[2 * i + axis]; };
        double extent[2];
        for (int axis = 0; axis < 2; ++axis) {
            double least = HUGE_VAL, most = -HUGE_VAL;
            for (const std::size_t* i = first; i != last; ++i) {
                least = std::min(least, center(*i, axis));
                most = std::max(most, center(*i, axis));
            }
            extent[axis] = most - least;
        }
        const int axis = extent[0] >= extent[1] ? 0 : 1;
        std::nth_element(first, first + (last - first) / 2, last, [&](std::size_t i, std::size_t j) {
            const double a = center(i, axis), b = center(j, axis);
            return a < b || (a == b && i < j);
        });
    }
};

}  // namespace diracs
