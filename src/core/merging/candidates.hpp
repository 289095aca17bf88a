// Which of a list of centres may be nearest to some point of a box (T. Kanungo, D. Mount, N. Netanyahu, C. Piatko, R.
// Silverman, A. Wu, "An efficient k-means clustering algorithm", IEEE PAMI 24, 2002).
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "numeric/wide.hpp"

namespace diracs {

// Centres by coordinates: row k holds the k-th ones. `place` says where each stands in a list that outlives this one.
template <int D>
struct Candidates {
    std::vector<double> y;
    std::vector<int> place;
    std::size_t count = 0, stride = 0;

    void reserve(std::size_t most) {
        if (most > stride) {
            stride = most;
            y.resize(D * stride);
            place.resize(stride);
        }
        count = 0;
    }

    void add(const Candidates& from, std::size_t j) {
        for (int k = 0; k < D; ++k) y[k * stride + count] = from.y[k * from.stride + j];
        place[count++] = from.place[j];
    }
};

template <int D>
DIRACS_WIDE void squares_to(const double* DIRACS_RESTRICT y, std::size_t stride, std::size_t count,
                            const double* DIRACS_RESTRICT x, double* DIRACS_RESTRICT square) {
    for (std::size_t j = 0; j < count; ++j) {
        double sum = 0.0;
        for (int k = 0; k < D; ++k) {
            const double u = y[k * stride + j] - x[k];
            sum += u * u;
        }
        square[j] = sum;
    }
}

// |z − v|² − |y − v|² for the corner v of the box that is farthest in the direction from y to z: not negative if all of
// the box is as near to y.
template <int D>
DIRACS_WIDE void behind(const double* DIRACS_RESTRICT z, std::size_t stride, std::size_t count,
                        const double* DIRACS_RESTRICT y, const double* DIRACS_RESTRICT low,
                        const double* DIRACS_RESTRICT high, double* DIRACS_RESTRICT excess) {
    for (std::size_t j = 0; j < count; ++j) {
        double sum = 0.0;
        for (int k = 0; k < D; ++k) {
            const double u = z[k * stride + j] - y[k];
            const double v = u > 0.0 ? high[k] : low[k];
            sum += u * ((z[k * stride + j] - v) + (y[k] - v));
        }
        excess[j] = sum;
    }
}

// Squares of the least and largest distances to the points of a box.
template <int D>
DIRACS_WIDE void reaches(const double* DIRACS_RESTRICT z, std::size_t stride, std::size_t count,
                         const double* DIRACS_RESTRICT low, const double* DIRACS_RESTRICT high,
                         double* DIRACS_RESTRICT least, double* DIRACS_RESTRICT most) {
    for (std::size_t j = 0; j < count; ++j) {
        double near = 0.0, far = 0.0;
        for (int k = 0; k < D; ++k) {
            const double below = low[k] - z[k * stride + j], above = z[k * stride + j] - high[k];
            const double outside = std::max(std::max(below, above), 0.0);
            const double across = std::min(below, above);
            near += outside * outside;
            far += across * across;
        }
        least[j] = near;
        most[j] = far;
    }
}

// The candidates that may be nearest in the box [low, high], of those of an outer box. `work` is scratch memory.
template <int D>
void narrow(const Candidates<D>& outer, const double* low, const double* high, std::vector<double>& work,
            Candidates<D>& inner) {
    inner.reserve(outer.count);
    work.resize(std::max(work.size(), outer.count));
    double middle[D], best[D];
    for (int k = 0; k < D; ++k) middle[k] = 0.5 * low[k] + 0.5 * high[k];
    squares_to<D>(outer.y.data(), outer.stride, outer.count, middle, work.data());
    const std::size_t first = std::min_element(work.data(), work.data() + outer.count) - work.data();
    for (int k = 0; k < D; ++k) best[k] = outer.y[k * outer.stride + first];
    behind<D>(outer.y.data(), outer.stride, outer.count, best, low, high, work.data());
    for (std::size_t j = 0; j < outer.count; ++j) {
        if (work[j] < 0.0 || j == first) inner.add(outer, j);
    }
}

// The candidates that may be nearest or next nearest.
template <int D>
void narrow_to_two(const Candidates<D>& outer, const double* low, const double* high, std::vector<double>& work,
                   Candidates<D>& inner) {
    inner.reserve(outer.count);
    work.resize(std::max(work.size(), 2 * outer.count));
    double *least = work.data(), *most = work.data() + outer.count;
    reaches<D>(outer.y.data(), outer.stride, outer.count, low, high, least, most);
    double first = std::numeric_limits<double>::infinity(), second = first;
    for (std::size_t j = 0; j < outer.count; ++j) {
        if (most[j] < first) {
            second = first;
            first = most[j];
        } else if (most[j] < second) {
            second = most[j];
        }
    }
    for (std::size_t j = 0; j < outer.count; ++j) {
        if (least[j] <= second) inner.add(outer, j);
    }
}

}  // namespace diracs
