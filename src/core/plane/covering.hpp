// Sums over discs of a law that is known by the moments of rectangles.
//
// Each rectangle p has an allowance τ_p. At a point y the gain is g(y) = Σ_p ∫_p (τ_p − |x − y|²)₊ ρ(x) dx. Rectangles
// inside their discs are added from exact moments, many at once; those that a circle crosses are bounded from above.
// Points come in packs of neighbours, for which the tree is descended once.
#pragma once

#include <algorithm>
#include <cmath>

#include "numeric/wide.hpp"
#include "plane/rectangle_tree.hpp"
#include "plane/vec2.hpp"

namespace diracs {

class Covering {
    using Node = RectangleNode;

public:
    explicit Covering(const Rectangles& given) : tree_(given) {}

    // One allowance for each rectangle. Those without mass take part in nothing.
    void allow(const double* allowances) {
        tree_.ascend(
            [&](Node& node) {
                const bool some = node.mass > 0.0;
                node.most = some ? allowances[node.rectangle] : 0.0;
                node.least = some ? node.most : HUGE_VAL;
                node.payment = node.mass * node.most;
            },
            [](Node& node, const Node& first, const Node& second) {
                node.least = std::min(first.least, second.least);
                node.most = std::max(first.most, second.most);
                node.payment = first.payment + second.payment;
            });
    }

    // One share of the facilities for each rectangle.
    void place(const double* facilities) {
        tree_.ascend([&](Node& node) { node.facility = facilities[node.rectangle]; },
                     [](Node& node, const Node& a, const Node& b) { node.facility = a.facility + b.facility; });
    }

    // Upper bounds on g at the points of a pack, above it also after rounding; or estimates without bias.
    template <bool kBound>
    void gains(const Pack& points, double* result) const {
        double sum[Pack::kMost] = {}, reached = 0.0, payment = 0.0, mass = 0.0, second = 0.0;
        Vec2 first;  // these four of what lies inside all discs, about the low corner of the pack
        tree_.descend(
            points, [](const Node& node, Vec2 near) { return norm2(near) >= node.most; },
            [](const Node& node, Vec2 far) { return norm2(far) <= node.least; },
            [&](const Node& node) {
                const Vec2 shift = node.centroid - points.low;
                reached += node.payment, payment += node.payment, mass += node.mass;
                first = first + node.mass * shift;
                second += node.second + node.mass * norm2(shift);
            },
            [&](const Node& node) {
                reached += node.payment;
                if (node.mass > 0.0) add_crossed<kBound>(node, points, sum);
            });
        for (int i = 0; i < points.size; ++i) {
            const Vec2 y = Vec2{points.x[i], points.y[i]} - points.low;
            result[i] = sum[i] + (payment - (second - 2.0 * dot(y, first) + mass * norm2(y))) + kRounding * reached;
        }
    }

    // At least the mass of the rectangles that the discs of some point reach, for points in boxes with these half sides
    // about those of a pack.
    void reaches(const Pack& points, Vec2 half, double* result) const {
        double sum[Pack::kMost] = {}, whole = 0.0;
        const auto less = [&](Vec2 v) { return Vec2{positive(v.x - half.x), positive(v.y - half.y)}; };
        tree_.descend(
            points, [&](const Node& node, Vec2 near) { return norm2(less(near)) >= node.most; },
            [&](const Node& node, Vec2 far) { return norm2(less(far)) < node.least; },
            [&](const Node& node) { whole += node.mass; },
            [&](const Node& node) { add_reached(node, points, half, sum); });
        for (int i = 0; i < points.size; ++i) result[i] = (whole + sum[i]) * (1.0 + kRounding);
    }

    // Radii about the points of a pack within which there is one facility, up to some digits; `result` > 0 is where to
    // start, and a few steps are made.
    void radii(const Pack& points, int steps, double* result) const {
        double low[Pack::kMost] = {}, high[Pack::kMost], count[Pack::kMost], slope[Pack::kMost];
        std::fill(high, high + Pack::kMost, HUGE_VAL);
        for (int step = 0; step < steps; ++step) {
            facilities(points, result, count, slope);
            bool done = true;
            for (int i = 0; i < points.size; ++i) {
                double& r = result[i];
                const double excess = count[i] - 1.0;
                (excess > 0.0 ? high[i] : low[i]) = r;
                const double newton = slope[i] > 0.0 ? r - excess / slope[i] : -1.0;
                done = done && std::fabs(excess) < 1e-3;
                // At most doubled or halved: far out the number does not change for a while.
                const double most = std::min(high[i], 2.0 * r), least = std::max(low[i], 0.5 * r);
                if (newton >= least && newton <= most) {
                    r = newton;
                } else {
                    r = excess > 0.0 ? (low[i] + r) / 2.0 : (std::isinf(high[i]) ? most : (r + most) / 2.0);
                }
            }
            if (done) break;
        }
    }

private:
    // More than the rounding of all terms, relative to Σ τ_p m_p over the discs.
    static constexpr double kRounding = 1e-12;

    struct Counts {
        double square[Pack::kMost], sum[Pack::kMost] = {}, rate[Pack::kMost] = {};
    };

    RectangleTree tree_;

    // Loops over a pack have no branches and no calls: compilers make vectors of them.
    static double positive(double x) { return x > 0.0 ? x : 0.0; }
    static double larger(double x, double y) { return x > y ? x : y; }
    static double smaller(double x, double y) { return x < y ? x : y; }

    // ∫ (τ − |x − y|²)₊ρ for a rectangle, where τ − |x − y|² goes from low to high. By convexity it is at most what two
    // atoms with the same mean have, at high and at low or 0, the lesser of them (Edmundson 1956, Madansky 1959): exact
    // outside and inside. And with ρ at most its peak and |x − y|² at least its tangent at the center it is at most
    // area · peak times the mean of (a + p s + q t)₊ over |s|, |t| ≤ 1.
    // The estimate takes ρ as constant, and |u|² as its mean.
    template <bool kBound>
    DIRACS_WIDE static void add_crossed(const Node& node, const Pack& points, double* sum) {
        const Vec2 half = 0.5 * (node.high - node.low), center = node.low + half;
        const double tau = node.most, mass = node.mass, spread = node.second / mass;
        const double most = kBound ? 4.0 * half.x * half.y * std::min(node.peak, 1e300) : mass;
        for (int i = 0; i < Pack::kMost; ++i) {
            const double vx = std::fabs(center.x - points.x[i]), vy = std::fabs(center.y - points.y[i]);
            const double near_x = positive(vx - half.x), near_y = positive(vy - half.y);
            const double far_x = vx + half.x, far_y = vy + half.y;
            const double high = tau - (near_x * near_x + near_y * near_y);
            const double low = -positive(far_x * far_x + far_y * far_y - tau);
            const double bx = node.centroid.x - points.x[i], by = node.centroid.y - points.y[i];
            const double mean = tau - (bx * bx + by * by) - spread;
            const double atoms = mass * positive(high) * positive(mean - low) / (high - low);

            const double a = tau - (vx * vx + vy * vy) - (kBound ? 0.0 : spread);
            const double along_x = 2.0 * vx * half.x, along_y = 2.0 * vy * half.y;
            // Convex in s and t: with a larger p or q the mean is larger.
            const double p = larger(larger(along_x, along_y), 1e-9 * tau);
            const double q = larger(smaller(along_x, along_y), 1e-4 * p);
            const double terms = std::fabs(a) + 3.0 * p;  // 6p times its square is the size of what cancels
            const double rounding = 2e-15 * terms * terms / q;
            const double linear = most * ((ramp(a + q, p) - ramp(a - q, p)) / (24.0 * p * q) + rounding);
            sum[i] += smaller(atoms, linear);
        }
    }

    // 12 p times the integral in z of ½∫ (z + p s)₊ ds over |s| ≤ 1.
    static double ramp(double z, double p) {
        const double above = positive(z - p), t = positive(z + p) - above;  // t ≤ 2p
        return t * t * t + 6.0 * p * above * (above + 2.0 * p);
    }

    DIRACS_WIDE static void add_reached(const Node& node, const Pack& points, Vec2 half, double* sum) {
        const Vec2 size = half + 0.5 * (node.high - node.low), center = 0.5 * (node.low + node.high);
        for (int i = 0; i < Pack::kMost; ++i) {
            const double x = positive(std::fabs(center.x - points.x[i]) - size.x);
            const double y = positive(std::fabs(center.y - points.y[i]) - size.y);
            sum[i] += x * x + y * y < node.most ? node.mass : 0.0;
        }
    }

    // Facilities within r of the points, and the derivative in r.
    void facilities(const Pack& points, const double* r, double* count, double* slope) const {
        Counts counts;
        double whole = 0.0;
        for (int i = 0; i < Pack::kMost; ++i) {
            const double radius = r[std::min(i, points.size - 1)];
            counts.square[i] = radius * radius;
        }
        const double least = *std::min_element(counts.square, counts.square + Pack::kMost);
        const double most = *std::max_element(counts.square, counts.square + Pack::kMost);
        tree_.descend(
            points, [&](const Node& node, Vec2 near) { return node.facility <= 0.0 || norm2(near) >= most; },
            [&](const Node&, Vec2 far) { return norm2(far) <= least; },
            [&](const Node& node) { whole += node.facility; },
            [&](const Node& node) { add_shares(node, points, counts); });
        for (int i = 0; i < points.size; ++i) {
            count[i] = whole + counts.sum[i];
            slope[i] = 2.0 * r[i] * counts.rate[i];
        }
    }

    // A rectangle that is crossed counts in proportion to r² between its nearest and farthest point.
    DIRACS_WIDE static void add_shares(const Node& node, const Pack& points, Counts& counts) {
        const Vec2 half = 0.5 * (node.high - node.low), center = node.low + half;
        const double all = node.facility;
        for (int i = 0; i < Pack::kMost; ++i) {
            const double vx = std::fabs(center.x - points.x[i]), vy = std::fabs(center.y - points.y[i]);
            const double near_x = positive(vx - half.x), near_y = positive(vy - half.y);
            const double far_x = vx + half.x, far_y = vy + half.y;
            const double near = near_x * near_x + near_y * near_y, far = far_x * far_x + far_y * far_y;
            const double rate = all / (far - near), share = rate * (counts.square[i] - near);
            const double counted = smaller(positive(share), all);
            counts.sum[i] += counted;
            counts.rate[i] += counted == share ? rate : 0.0;
        }
    }
};

}  // namespace diracs
