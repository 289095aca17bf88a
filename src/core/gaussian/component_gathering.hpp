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
constexpr std::size_t kFewComponents = 6;

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
        detail::needed_terms(bounds.log_center.data(), bounds.alpha.data(), bounds.beta.data(), columns.size(),
                             least + std::log(share), bounds.needed.data());
        sort(columns.size(), least + std::log(share / kLeftOut));
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

    std::vector<int> order_;  // the smooth ones by their degrees
    std::array<std::size_t, detail::kDegree + 2> end_;
    std::vector<double> sums_;

    int degree(std::size_t n) const {
        return bounds.needed[n] > 0.0 ? static_cast<int>(std::min(bounds.needed[n], detail::kDegree + 1.0)) : -1;
    }

    void sort(std::size_t count, double share_least) {
        end_.fill(0);
        for (std::size_t n = 0; n < count; ++n) {
            const double variation = 2.0 * bounds.alpha[n] + bounds.beta[n];
            if (!(std::min(variation, bounds.log_center[n] + 0.5 * variation - share_least) <= kVariation)) {
                bounds.needed[n] = detail::kDegree + 2;
            }
            const int p = degree(n);
            if (p > detail::kDegree) {
                rest.push_back(static_cast<int>(n));
            } else if (p >= 0) {
                ++end_[p + 1];
            }
        }
        for (int p = 0; p <= detail::kDegree; ++p) end_[p + 1] += end_[p];
        order_.resize(end_[detail::kDegree + 1]);
        for (std::size_t n = 0; n < count; ++n) {
            const int p = degree(n);
            if (p >= 0 && p <= detail::kDegree) order_[end_[p]++] = static_cast<int>(n);
        }
    }

    void add(const ComponentColumns& columns, const CenteredBox& box, LocalExpansion& sum) {
        if (order_.empty()) return;
        const int highest = degree(order_.back());
        sums_.assign(detail::kLanes * detail::kTerms, 0.0);
        for (std::size_t begin = 0; begin < order_.size(); begin += detail::kLanes) {
            const std::size_t end = std::min(begin + detail::kLanes, order_.size());
            detail::ComponentLanes lanes = {};
            for (std::size_t n = begin; n < end; ++n) {
                const int k = order_[n];
                lanes.dx[n - begin] = (box.origin.x - columns.x[k]) + box.center.x;
                lanes.dy[n - begin] = (box.origin.y - columns.y[k]) + box.center.y;
                lanes.inverse11[n - begin] = columns.inverse11[k];
                lanes.slope[n - begin] = columns.slope[k];
                lanes.inverse22[n - begin] = columns.inverse22[k];
                lanes.factor[n - begin] = columns.factor[k];
            }
            detail::add_taylor(lanes, box.half, degree(order_[end - 1]), sums_.data());
        }
        sum.add(sums_.data(), highest);
    }
};

}  // namespace diracs
