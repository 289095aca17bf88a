// Components that are smooth on a box go into a polynomial there, for all cells in the box together.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gaussian/component_columns.hpp"
#include "gaussian/local_expansion.hpp"

namespace diracs {

// What all polynomials leave out is at most this share of the density, at every point of their box.
constexpr double kLeftOut = 1e-15;

// So few components are as fast one by one.
constexpr std::size_t kFewComponents = 20;

// The sum of those gathered, and a lower bound of the whole density on the box: the logarithm of 2πρ.
struct Gathered {
    LocalExpansion sum;
    double log_least = -HUGE_VAL;
};

class Gathering {
public:
    // Adds to `gathered`, on the same box, those components that are smooth enough there, and lists in `rest` the
    // places in the columns of those that are not. `share` of the density may be left out for each component.
    void run(const ComponentColumns& columns, const CenteredBox& box, double share, Gathered& gathered) {
        smooth_bounds(columns, box, bounds);
        double& least = gathered.log_least;
        least = std::max(least, highest_least(bounds));
        rest.clear();
        if (!(least > -HUGE_VAL && share > 0.0)) {
            for (std::size_t n = 0; n < columns.size(); ++n) rest.push_back(static_cast<int>(n));
            return;
        }
        degree_.resize(columns.size());
        detail::find_degrees(bounds.log_center.data(), bounds.alpha.data(), bounds.beta.data(), columns.size(),
                             least + std::log(share), kVariation, least + std::log(share / kLeftOut) + kVariation,
                             degree_.data());
        sort();
        add(columns, box, gathered.sum);
        if (gathered.sum.empty()) return;
        const double known = std::exp(least) * detail::kInverse2Pi;
        const double larger = gathered.sum.truncate(0.0, known);
        if (larger > known) least = std::max(least, std::log(larger) + detail::kLog2Pi);
    }

    std::vector<int> rest;
    SmoothBounds bounds;

private:
    // The terms of a component add up to exp(2α + β) times its density at most, which costs as many roundings of it; to
    // more only where for all components together that is no more than the density's.
    static constexpr double kVariation = 3.0;

    std::vector<int> degree_, order_;  // of all; the smooth ones in the order of their degrees
    std::array<int, detail::kDegree + 3> end_;
    detail::OrderedComponents ordered_;
    std::vector<double> sums_;

    void sort() {
        end_.fill(0);
        for (const int p : degree_) end_[p + 1] += p >= 0;
        for (int p = 0; p <= detail::kDegree + 1; ++p) end_[p + 1] += end_[p];
        order_.resize(degree_.size());
        for (std::size_t n = 0; n < degree_.size(); ++n) {
            if (degree_[n] >= 0) order_[end_[degree_[n]]++] = static_cast<int>(n);
        }
        rest.assign(order_.begin() + end_[detail::kDegree], order_.begin() + end_[detail::kDegree + 1]);
        order_.resize(end_[detail::kDegree]);
    }

    void add(const ComponentColumns& columns, const CenteredBox& box, LocalExpansion& sum) {
        using detail::kLanes;
        if (order_.empty()) return;
        detail::OrderedComponents& c = ordered_;
        const std::size_t count = order_.size(), filled = (count + kLanes - 1) / kLanes * kLanes;
        c.resize(filled);
        for (std::size_t n = 0; n < filled; ++n) {
            const int k = order_[std::min(n, count - 1)];
            c.dx[n] = (box.origin.x - columns.x[k]) + box.center.x;
            c.dy[n] = (box.origin.y - columns.y[k]) + box.center.y;
            c.inverse11[n] = columns.inverse11[k], c.slope[n] = columns.slope[k], c.inverse22[n] = columns.inverse22[k];
            c.factor[n] = n < count ? columns.factor[k] : 0.0;
        }
        detail::expand(c.dx.data(), c.dy.data(), c.inverse11.data(), c.slope.data(), c.inverse22.data(), filled,
                       box.half, c.factor.data(), c.ax.data(), c.ay.data(), c.xx.data(), c.xy.data(), c.yy.data());
        const int highest = degree_[order_.back()];
        sums_.assign(kLanes * (detail::kDegree + 1) * (highest + 1), 0.0);
        for (std::size_t n = 0; n < filled; n += kLanes) {
            const int degree = degree_[order_[std::min(n + kLanes, count) - 1]];
            detail::add_taylor(&c.factor[n], &c.ax[n], &c.ay[n], &c.xx[n], &c.xy[n], &c.yy[n], degree, sums_.data());
        }
        sum.add(sums_.data(), highest);
    }
};

}  // namespace diracs
