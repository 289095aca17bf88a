// Sums over balls, discs in the plane, of a law that is known by the moments of boxes.
//
// Each box p has an allowance τ_p. At a point y the gain is g(y) = Σ_p ∫_p (τ_p − |x − y|²)₊ ρ(x) dx. Boxes inside their
// balls are added from exact moments, many at once; those that a sphere crosses are bounded from above.
// Points come in packs of neighbours, for which the tree is descended once.
#pragma once

#include <algorithm>
#include <cmath>

#include "covering/box_tree.hpp"
#include "covering/point.hpp"
#include "covering/ramp.hpp"
#include "numeric/wide.hpp"

namespace diracs {

template <int D>
class Covering {
    using Node = BoxNode<D>;
    using Vec = Point<D>;
    static constexpr int kPack = Pack<D>::kMost;

public:
    explicit Covering(const Boxes& given) : tree_(given) {}

    // One allowance for each box. Those without mass take part in nothing.
    void allow(const double* allowances) {
        tree_.ascend(
            [&](Node& node) {
                const bool some = node.mass > 0.0;
                node.most = some ? allowances[node.box] : 0.0;
                node.least = some ? node.most : HUGE_VAL;
                node.payment = node.mass * node.most;
            },
            [](Node& node, const Node& first, const Node& second) {
                node.least = std::min(first.least, second.least);
                node.most = std::max(first.most, second.most);
                node.payment = first.payment + second.payment;
            });
    }

    // One share of the facilities for each box.
    void place(const double* facilities) {
        tree_.ascend([&](Node& node) { node.facility = facilities[node.box]; },
                     [](Node& node, const Node& a, const Node& b) { node.facility = a.facility + b.facility; });
    }

    // Upper bounds on g at the points of a pack, above it also after rounding; or estimates without bias.
    template <bool kBound, int N>
    void gains(const Pack<D, N>& points, double* result) const {
        double sum[N] = {}, reached = 0.0, payment = 0.0, mass = 0.0, second = 0.0;
        Vec first;  // these four of what lies inside all balls, about the low corner of the pack
        tree_.descend(
            points, [](const Node& node, const Vec& near) { return norm2(near) >= node.most; },
            [](const Node& node, const Vec& far) { return norm2(far) <= node.least; },
            [&](const Node& node) {
                const Vec shift = node.centroid - points.low;
                reached += node.payment, payment += node.payment, mass += node.mass;
                first = first + node.mass * shift;
                second += node.second + node.mass * norm2(shift);
            },
            [&](const Node& node) {
                reached += node.payment;
                if (node.mass > 0.0) add_crossed<kBound>(node, points, sum);
            });
        for (int i = 0; i < points.size; ++i) {
            const Vec y = points.point(i) - points.low;
            result[i] = sum[i] + (payment - (second - 2.0 * dot(y, first) + mass * norm2(y))) + kRounding * reached;
        }
    }

    // Radii about the points of a pack within which there is one facility, up to some digits; `result` > 0 is where to
    // start, and a few steps are made.
    void radii(const Pack<D>& points, int steps, double* result) const {
        double low[kPack] = {}, high[kPack], count[kPack], slope[kPack];
        std::fill(high, high + kPack, HUGE_VAL);
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
    // More than the rounding of all terms, relative to Σ τ_p m_p over the balls.
    static constexpr double kRounding = 1e-12;

    struct Counts {
        double square[kPack], sum[kPack] = {}, rate[kPack] = {};
    };

    BoxTree<D> tree_;

    // ∫ (τ − |x − y|²)₊ρ for a box, where u = τ − |x − y|² goes from low to high. By convexity it is at most what two
    // atoms with the same mean have, at high and at low or 0, the lesser of them (Edmundson 1956, Madansky 1959): exact
    // outside and inside. And with ρ at most its peak and |x − y|² at least its tangent at the center it is at most
    // volume · peak times the mean of (a + Σ p_k s_k)₊ over |s_k| ≤ 1. In space, where more boxes are crossed and fewer are
    // affordable, it is also at most ∫uρ, which is exact, and volume · peak times the mean of (−u)₊, with |x − y|² at
    // most its tangent and the square of the diagonal's half.
    // The estimate takes ρ as constant, and |x − center|² as its mean.
    template <bool kBound, int N>
    DIRACS_WIDE static void add_crossed(const Node& node, const Pack<D, N>& points, double* sum) {
        const Vec half = 0.5 * (node.high - node.low), center = node.low + half;
        const double tau = node.most, mass = node.mass, spread = node.second / mass, diagonal2 = norm2(half);
        double volume = 1.0;
        for (int k = 0; k < D; ++k) volume *= 2.0 * half[k];
        const double most = kBound ? volume * std::min(node.peak, 1e300) : mass;
        for (int i = 0; i < N; ++i) {
            double between2 = 0.0, near2 = 0.0, far2 = 0.0, mean2 = 0.0, slopes[D];
            for (int k = 0; k < D; ++k) {
                const double v = std::fabs(center[k] - points.at[k][i]), b = node.centroid[k] - points.at[k][i];
                const double near = positive(v - half[k]), far = v + half[k];
                between2 += v * v, near2 += near * near, far2 += far * far, mean2 += b * b;
                slopes[k] = 2.0 * v * half[k];
            }
            const double high = tau - near2, low = -positive(far2 - tau);
            const double mean = tau - mean2 - spread;
            double bound = mass * positive(high) * positive(mean - low) / (high - low);

            const RampMean<D> ramp(slopes, tau);
            const double a = tau - between2 - (kBound ? 0.0 : spread);
            if constexpr (kBound && D > 2) {
                // Of the two the one that has less to do with the peak.
                const double outside = diagonal2 - a, rounding = 1e-14 * (mass + most) * (tau + far2);
                const double peaked = most * ramp(smaller(a, outside));
                bound = smaller(bound, peaked + (a < outside ? 0.0 : mass * mean + rounding));
            } else {
                bound = smaller(bound, most * ramp(a));
            }
            sum[i] += bound;
        }
    }

    // Facilities within r of the points, and the derivative in r.
    void facilities(const Pack<D>& points, const double* r, double* count, double* slope) const {
        Counts counts;
        double whole = 0.0;
        for (int i = 0; i < kPack; ++i) {
            const double radius = r[std::min(i, points.size - 1)];
            counts.square[i] = radius * radius;
        }
        const double least = *std::min_element(counts.square, counts.square + kPack);
        const double most = *std::max_element(counts.square, counts.square + kPack);
        tree_.descend(
            points, [&](const Node& node, const Vec& near) { return node.facility <= 0.0 || norm2(near) >= most; },
            [&](const Node&, const Vec& far) { return norm2(far) <= least; },
            [&](const Node& node) { whole += node.facility; },
            [&](const Node& node) { add_shares(node, points, counts); });
        for (int i = 0; i < points.size; ++i) {
            count[i] = whole + counts.sum[i];
            slope[i] = 2.0 * r[i] * counts.rate[i];
        }
    }

    // A box that is crossed counts in proportion to r² between its nearest and farthest point.
    DIRACS_WIDE static void add_shares(const Node& node, const Pack<D>& points, Counts& counts) {
        const Vec half = 0.5 * (node.high - node.low), center = node.low + half;
        const double all = node.facility;
        for (int i = 0; i < kPack; ++i) {
            double near2 = 0.0, far2 = 0.0;
            for (int k = 0; k < D; ++k) {
                const double v = std::fabs(center[k] - points.at[k][i]);
                const double near = positive(v - half[k]), far = v + half[k];
                near2 += near * near, far2 += far * far;
            }
            const double rate = all / (far2 - near2), share = rate * (counts.square[i] - near2);
            const double counted = smaller(positive(share), all);
            counts.sum[i] += counted;
            counts.rate[i] += counted == share ? rate : 0.0;
        }
    }
};

}  // namespace diracs
