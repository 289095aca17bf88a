// The components of a mixture by columns, and how smooth they are on a box.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gaussian/gaussian_component.hpp"
#include "gaussian/gaussian_edge.hpp"
#include "numeric/wide.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Some of the components, for loops over them that compilers make wide.
struct ComponentColumns {
    std::vector<double> x, y, inverse11, slope,
        inverse22;                            // mean; L⁻¹ = [[inverse11, 0], [−slope inverse22, inverse22]]
    std::vector<double> log_density, factor;  // log(π_k/|L|) and π_k/(2π |L|)
    std::vector<int> index;

    std::size_t size() const { return index.size(); }

    void clear() {
        for (auto* column : {&x, &y, &inverse11, &slope, &inverse22, &log_density, &factor}) column->clear();
        index.clear();
    }

    void push(const GaussianComponent& c, int k) {
        push({c.mean.x, c.mean.y, c.inverse11, c.l21 * c.inverse11, c.inverse22, c.log_density,
              c.weight * detail::kInverse2Pi / c.determinant()},
             k);
    }

    void push(const ComponentColumns& other, std::size_t n) {
        push({other.x[n], other.y[n], other.inverse11[n], other.slope[n], other.inverse22[n], other.log_density[n],
              other.factor[n]},
             other.index[n]);
    }

private:
    void push(const std::array<double, 7>& row, int k) {
        std::size_t n = 0;
        for (auto* column : {&x, &y, &inverse11, &slope, &inverse22, &log_density, &factor})
            column->push_back(row[n++]);
        index.push_back(k);
    }
};

// A box with sides along the axes; its center is the sum of two terms, of which the second may be tiny.
struct CenteredBox {
    Vec2 origin, center, half;
};

// For each component, about the center of a box and in units of its half sides, on which the density is
// ρ(c) exp(−A − B): the logarithm of 2πρ(c), and bounds α ≥ |A|, β ≥ 2|B| on the box, of the sums of their terms even.
struct SmoothBounds {
    std::vector<double> log_center, alpha, beta;

    void resize(std::size_t size) {
        for (auto* column : {&log_center, &alpha, &beta}) column->resize(size);
    }
};

namespace detail {

// The gradient and the second derivatives of A + B at the center, r² there.
struct ComponentTaylor {
    double r2, ax, ay, xx, xy, yy;
};

inline ComponentTaylor component_taylor(double dx, double dy, double inverse11, double slope, double inverse22,
                                        Vec2 half) {
    const double u = dx * inverse11, v = (dy - slope * dx) * inverse22;
    const double p = inverse11 * half.x, q = inverse22 * half.y, t = -(slope * half.x) * inverse22;
    return {u * u + v * v, u * p + v * t, v * q, p * p + t * t, t * q, q * q};
}

DIRACS_WIDE inline void smooth_bounds(const double* DIRACS_RESTRICT x, const double* DIRACS_RESTRICT y,
                                      const double* DIRACS_RESTRICT inverse11, const double* DIRACS_RESTRICT slope,
                                      const double* DIRACS_RESTRICT inverse22,
                                      const double* DIRACS_RESTRICT log_density, std::size_t count, CenteredBox box,
                                      double* DIRACS_RESTRICT log_center, double* DIRACS_RESTRICT alpha,
                                      double* DIRACS_RESTRICT beta) {
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const double dx = (box.origin.x - x[n]) + box.center.x, dy = (box.origin.y - y[n]) + box.center.y;
        const ComponentTaylor t = component_taylor(dx, dy, inverse11[n], slope[n], inverse22[n], box.half);
        log_center[n] = log_density[n] - 0.5 * t.r2;
        alpha[n] = std::fabs(t.ax) + std::fabs(t.ay);
        beta[n] = t.xx + 2.0 * std::fabs(t.xy) + t.yy;
    }
}

DIRACS_WIDE inline double highest_least(const double* DIRACS_RESTRICT log_center, const double* DIRACS_RESTRICT alpha,
                                        const double* DIRACS_RESTRICT beta, std::size_t count) {
    double highest = -HUGE_VAL;
#pragma omp simd reduction(max : highest)
    for (std::size_t n = 0; n < count; ++n) {
        const double least = log_center[n] - alpha[n] - 0.5 * beta[n];
        highest = least > highest ? least : highest;
    }
    return highest;
}

}  // namespace detail

inline void smooth_bounds(const ComponentColumns& c, const CenteredBox& box, SmoothBounds& bounds) {
    bounds.resize(c.size());
    detail::smooth_bounds(c.x.data(), c.y.data(), c.inverse11.data(), c.slope.data(), c.inverse22.data(),
                          c.log_density.data(), c.size(), box, bounds.log_center.data(), bounds.alpha.data(),
                          bounds.beta.data());
}

// The largest of the components' least densities on the box.
inline double highest_least(const SmoothBounds& bounds) {
    return detail::highest_least(bounds.log_center.data(), bounds.alpha.data(), bounds.beta.data(),
                                 bounds.log_center.size());
}

}  // namespace diracs
