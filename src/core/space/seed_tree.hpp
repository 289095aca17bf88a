// A tree of boxes over weighted seeds, to find those that may cut a cell.
//
// Every node knows a box around its seeds and a paraboloid over the position that is nowhere below their weights: with
// weights as of a transport, which are smooth, this is as good as no weights at all.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "numeric/parallel.hpp"
#include "space/sym3.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

struct Seed {
    Vec3 y;
    double w;
    int index;  // as given
};

// w <= 2 s·d + (1 − λ)|d|² + top for every seed of the node, d = y − middle.
struct SeedNode {
    Vec3 middle, half;       // of a box around the seeds, and its half sides
    Vec3 slope;              // s
    double spread, inverse;  // λ > 0, and 1/λ
    double top;
    double size;     // of what the paraboloid is a difference of: its error is some roundings of this
    int begin, end;  // its seeds in the order of the tree
    int child;       // the first of two nodes, or −1
};

class SeedTree {
public:
    static constexpr int kLeaf = 16;
    static constexpr double kLeastSpread = 0x1p-6, kMostSpread = 0x1p6;

    explicit SeedTree(std::vector<Seed> seeds, int threads) : seeds_(std::move(seeds)) {
        if (seeds_.empty()) return;
        nodes_.reserve(seeds_.size() / 2 + 8);
        SeedNode root{};
        root.begin = 0, root.end = static_cast<int>(seeds_.size());
        nodes_.push_back(root);
        for (std::size_t k = 0; k < nodes_.size(); ++k) split(static_cast<int>(k));
        parallel_for(nodes_.size(), 8, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t k = begin; k < end; ++k) bound(nodes_[k]);
            };
        });
    }

    // In the order of the tree: seeds near each other in space are near each other there.
    const std::vector<Seed>& seeds() const { return seeds_; }
    const std::vector<SeedNode>& nodes() const { return nodes_; }

private:
    std::vector<Seed> seeds_;
    std::vector<SeedNode> nodes_;

    void split(int k) {
        SeedNode& node = nodes_[k];
        Vec3 low = seeds_[node.begin].y, high = low;
        for (int r = node.begin; r < node.end; ++r) {
            const Vec3 y = seeds_[r].y;
            for (int axis = 0; axis < 3; ++axis) {
                low[axis] = std::min(low[axis], y[axis]);
                high[axis] = std::max(high[axis], y[axis]);
            }
        }
        node.child = -1;
        const int count = node.end - node.begin;
        const Vec3 side = high - low;
        node.middle = 0.5 * (low + high);
        // Not less than to either end, whatever rounding says.
        for (int axis = 0; axis < 3; ++axis) {
            node.half[axis] = std::max(high[axis] - node.middle[axis], node.middle[axis] - low[axis]);
        }
        if (count <= kLeaf || !(largest(side) > 0.0)) return;
        if (count > 4096) poll_interrupt();
        const int axis = side.x >= side.y && side.x >= side.z ? 0 : side.y >= side.z ? 1 : 2;
        const int half = node.begin + count / 2;
        std::nth_element(seeds_.begin() + node.begin, seeds_.begin() + half, seeds_.begin() + node.end,
                         [axis](const Seed& a, const Seed& b) {
                             return a.y[axis] != b.y[axis] ? a.y[axis] < b.y[axis] : a.index < b.index;
                         });
        SeedNode first{}, second{};
        first.begin = node.begin, first.end = half;
        second.begin = half, second.end = node.end;
        node.child = static_cast<int>(nodes_.size());
        nodes_.push_back(first);
        nodes_.push_back(second);
    }

    // The paraboloid: least squares, raised.
    void bound(SeedNode& node) const {
        const Vec3 m = node.middle;
        const int step = std::max(1, (node.end - node.begin) / 256);
        double count = 0.0, mean_w = 0.0, mean_p = 0.0, most = 0.0;
        Vec3 mean;
        for (int r = node.begin; r < node.end; r += step) {
            const Seed& s = seeds_[r];
            const Vec3 d = s.y - m;
            count += 1.0, mean_w += s.w, mean_p += norm2(d), mean = mean + d;
        }
        mean_w /= count, mean_p /= count, mean = (1.0 / count) * mean;
        Sym3 cross;
        Vec3 with_w, with_p;
        double pp = 0.0, pw = 0.0;
        for (int r = node.begin; r < node.end; r += step) {
            const Seed& s = seeds_[r];
            const Vec3 d = s.y - m, e = d - mean;
            const double w = s.w - mean_w, p = norm2(d) - mean_p;
            cross = cross + square(e);
            with_w = with_w + w * e, with_p = with_p + p * e;
            pp += p * p, pw += p * w;
        }
        const double ridge = 1e-7 * (cross.xx + cross.yy + cross.zz);
        cross = cross + Sym3{ridge, 0.0, 0.0, ridge, 0.0, ridge};
        const Vec3 slope_w = solve(cross, with_w), slope_p = solve(cross, with_p);
        // What is left of both when affine functions are taken away.
        const double curvature = (pw - dot(slope_p, with_w)) / (pp - dot(slope_p, with_p));
        node.spread = std::isfinite(curvature) ? std::clamp(1.0 - curvature, kLeastSpread, kMostSpread) : 1.0;
        node.inverse = 1.0 / node.spread;
        const double rest = 1.0 - node.spread;
        node.slope = 0.5 * (slope_w - rest * slope_p);
        if (!(std::isfinite(node.slope.x) && std::isfinite(node.slope.y) && std::isfinite(node.slope.z))) {
            node.slope = {};
        }
        node.top = -HUGE_VAL;
        for (int r = node.begin; r < node.end; ++r) {
            const Seed& s = seeds_[r];
            const Vec3 d = s.y - m;
            node.top = std::max(node.top, s.w - 2.0 * dot(node.slope, d) - rest * norm2(d));
            most = std::max(most, std::fabs(s.w));
        }
        node.size = most + std::fabs(node.top) + norm2(node.slope) + 4.0 * (1.0 + std::fabs(rest)) * norm2(node.half);
    }
};

}  // namespace diracs::space
