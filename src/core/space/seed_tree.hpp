// A tree of boxes over weighted seeds, to find those that may cut a cell.
//
// Every node knows a box around its seeds and an affine function of the position that is nowhere below their weights: with
// weights as of a transport, which are smooth, this is as good as no weights at all.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "numeric/parallel.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

struct Seed {
    Vec3 y;
    double w;
    int index;  // as given
};

// w <= 2 s·(y − middle) + top for every seed of the node.
struct SeedNode {
    Vec3 low, high;
    Vec3 slope;  // s
    double top;
    double size;     // of what top is a difference of: its error is some roundings of this
    int begin, end;  // its seeds in the order of the tree
    int child;       // the first of two nodes, or −1

    Vec3 middle() const { return 0.5 * (low + high); }
};

class SeedTree {
public:
    static constexpr int kLeaf = 8;

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
        node.low = node.high = seeds_[node.begin].y;
        for (int r = node.begin; r < node.end; ++r) {
            const Vec3 y = seeds_[r].y;
            for (int axis = 0; axis < 3; ++axis) {
                node.low[axis] = std::min(node.low[axis], y[axis]);
                node.high[axis] = std::max(node.high[axis], y[axis]);
            }
        }
        node.child = -1;
        const int count = node.end - node.begin;
        const Vec3 side = node.high - node.low;
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

    // The affine function: least squares, raised.
    void bound(SeedNode& node) const {
        const Vec3 m = node.middle();
        const int step = std::max(1, (node.end - node.begin) / 256);
        double count = 0.0, mean_w = 0.0, most = 0.0;
        Vec3 mean;
        for (int r = node.begin; r < node.end; r += step) {
            const Seed& s = seeds_[r];
            count += 1.0, mean_w += s.w, mean = mean + (s.y - m);
        }
        mean_w /= count, mean = (1.0 / count) * mean;
        double xx = 0, xy = 0, xz = 0, yy = 0, yz = 0, zz = 0;
        Vec3 rhs;
        for (int r = node.begin; r < node.end; r += step) {
            const Seed& s = seeds_[r];
            const Vec3 d = (s.y - m) - mean;
            xx += d.x * d.x, xy += d.x * d.y, xz += d.x * d.z, yy += d.y * d.y, yz += d.y * d.z, zz += d.z * d.z;
            rhs = rhs + (s.w - mean_w) * d;
        }
        const double ridge = 1e-7 * (xx + yy + zz);
        xx += ridge, yy += ridge, zz += ridge;
        const Vec3 c0 = {yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy};
        const Vec3 c1 = {c0.y, xx * zz - xz * xz, xz * xy - xx * yz};
        const Vec3 c2 = {c0.z, c1.z, xx * yy - xy * xy};
        const double det = xx * c0.x + xy * c0.y + xz * c0.z;
        node.slope = (0.5 / det) * Vec3{dot(c0, rhs), dot(c1, rhs), dot(c2, rhs)};
        if (!(std::isfinite(node.slope.x) && std::isfinite(node.slope.y) && std::isfinite(node.slope.z))) {
            node.slope = {};
        }
        node.top = -HUGE_VAL;
        for (int r = node.begin; r < node.end; ++r) {
            const Seed& s = seeds_[r];
            node.top = std::max(node.top, s.w - 2.0 * dot(node.slope, s.y - m));
            most = std::max(most, std::fabs(s.w));
        }
        node.size = most + std::fabs(node.top);
    }
};

}  // namespace diracs::space
