// Taylor polynomials of Gaussian components on a box, and their integrals along rays.
//
// About the center of a box, in units of its half sides, a component is ρ(c) exp(−A − B) with A = a·u and
// 2B = b_xx u_x² + 2 b_xy u_x u_y + b_yy u_y². Its Taylor coefficients obey
//   (i + 1) f_{i+1,j} = −(a_x f_{i,j} + b_xx f_{i−1,j} + b_xy f_{i,j−1}),   and likewise in y.
// With |A| ≤ α and 2|B| ≤ β on the box, those of degree m add up to no more there than the coefficient of sᵐ in
// ρ(c) exp(αs + βs²/2). By Cauchy's estimate all beyond degree p add up to at most
//   ρ(c) exp(αs + βs²/2) / s^(p+1),   any s ≥ 1.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gaussian/component_columns.hpp"
#include "numeric/exponential.hpp"
#include "numeric/wide.hpp"
#include "plane/vec2.hpp"

namespace diracs {

namespace detail {

constexpr int kDegree = 28;  // the highest: beyond it, integrals along edges are cheaper
constexpr int kLanes = 4;    // components, or terms, at once

// Terms xⁱyʲ of one j are side by side, filled up with zeros to a multiple of kLanes.
constexpr int kRow = (kDegree / kLanes + 1) * kLanes;
constexpr int kTerms = (kDegree + 1) * kRow;

constexpr std::array<double, kDegree + 3> kInverse = [] {
    std::array<double, kDegree + 3> result{};
    for (int k = 1; k < kDegree + 3; ++k) result[k] = 1.0 / k;
    return result;
}();

// Values of s with their logarithms' inverses.
struct CauchyRadii {
    static constexpr int kCount = 10;
    std::array<double, kCount> radius, inverse_log;

    CauchyRadii() {
        for (int k = 0; k < kCount; ++k) {
            const double logarithm = 0.4 * (k + 1);  // s from 1.5 to 55
            radius[k] = std::exp(logarithm), inverse_log[k] = 1.0 / logarithm;
        }
    }
};

inline const CauchyRadii kCauchyRadii = CauchyRadii();

// The least p + 1 of all radii for which exp(−T) is left out at most: (αs + βs²/2 + T)/log s.
template <int K = 0>
inline double fewest(const CauchyRadii& radii, double alpha, double half_beta, double log_share, double best) {
    if constexpr (K == CauchyRadii::kCount) {
        return best;
    } else {
        const double s = radii.radius[K], value = ((half_beta * s + alpha) * s + log_share) * radii.inverse_log[K];
        return fewest<K + 1>(radii, alpha, half_beta, log_share, value < best ? value : best);
    }
}

// The degree after which a component leaves out exp(log_remainder) at most; −1 if it may be left out, kDegree + 1 if no
// degree is high enough, or if its terms add up to exp(variation) times its density and to exp(log_largest).
DIRACS_WIDE inline void find_degrees(const double* DIRACS_RESTRICT log_center, const double* DIRACS_RESTRICT alpha,
                                     const double* DIRACS_RESTRICT beta, std::size_t count, double log_remainder,
                                     double variation, double log_largest, int* DIRACS_RESTRICT degree) {
    const CauchyRadii radii = kCauchyRadii;
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const double own = 2.0 * alpha[n] + beta[n], all = variation + (log_center[n] + 0.5 * own - log_largest);
        const double needed = fewest(radii, alpha[n], 0.5 * beta[n], log_center[n] - log_remainder, kDegree + 1.0);
        const double counted = needed > 0.0 ? needed : -1.0;
        degree[n] = static_cast<int>((own < all ? own : all) <= variation ? counted : kDegree + 1.0);
    }
}

// Components in the order in which they are added, their number filled up to a multiple of kLanes by some without mass.
// First as in ComponentColumns, x and y about the center of a box, then as in ComponentTaylor, in its units.
struct OrderedComponents {
    std::vector<double> dx, dy, inverse11, slope, inverse22, factor, ax, ay, xx, xy, yy;

    void resize(std::size_t count) {
        for (auto* column : {&dx, &dy, &inverse11, &slope, &inverse22, &factor, &ax, &ay, &xx, &xy, &yy}) {
            column->resize(count);
        }
    }
};

// Factors become densities at the center.
DIRACS_WIDE inline void expand(const double* DIRACS_RESTRICT dx, const double* DIRACS_RESTRICT dy,
                               const double* DIRACS_RESTRICT inverse11, const double* DIRACS_RESTRICT slope,
                               const double* DIRACS_RESTRICT inverse22, std::size_t count, Vec2 half,
                               double* DIRACS_RESTRICT factor, double* DIRACS_RESTRICT ax, double* DIRACS_RESTRICT ay,
                               double* DIRACS_RESTRICT xx, double* DIRACS_RESTRICT xy, double* DIRACS_RESTRICT yy) {
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const ComponentTaylor t = component_taylor(dx[n], dy[n], inverse11[n], slope[n], inverse22[n], half);
        ax[n] = t.ax, ay[n] = t.ay, xx[n] = t.xx, xy[n] = t.xy, yy[n] = t.yy;
        factor[n] = factor[n] * exponential(-0.5 * t.r2);
    }
}

// Adds coefficients of kLanes components, given by their densities and derivatives, up to a degree to sums (kDegree + 1,
// kDegree + 1, kLanes).
DIRACS_WIDE inline void add_taylor(const double* DIRACS_RESTRICT density, const double* DIRACS_RESTRICT ax,
                                   const double* DIRACS_RESTRICT ay, const double* DIRACS_RESTRICT xx,
                                   const double* DIRACS_RESTRICT xy, const double* DIRACS_RESTRICT yy, int degree,
                                   double* DIRACS_RESTRICT sums) {
    double rows[3][(kDegree + 2) * kLanes];  // j − 1, j, j + 1; each with zeros before its first term
    double *before = rows[0], *here = rows[1], *next = rows[2];
    for (int n = 0; n < kLanes * (degree + 2); ++n) before[n] = 0.0;
    double last[kLanes], one_before[kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
        here[l] = next[l] = one_before[l] = 0.0;
        last[l] = here[kLanes + l] = density[l];
        sums[l] += density[l];
    }
    for (int i = 0; i < degree; ++i) {
        const double scale = -kInverse[i + 1];
        const int n = kLanes * (i + 1);
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) {
            const double term = (scale * ax[l]) * last[l] + (scale * xx[l]) * one_before[l];
            one_before[l] = last[l], last[l] = term;
            here[n + l + kLanes] = term;
            sums[n + l] += term;
        }
    }
    for (int j = 1; j <= degree; ++j) {
        double* sum = sums + kLanes * (kDegree + 1) * j - kLanes;
        double a[kLanes], bx[kLanes], by[kLanes];
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) {
            a[l] = -kInverse[j] * ay[l], bx[l] = -kInverse[j] * xy[l], by[l] = -kInverse[j] * yy[l];
        }
        for (int n = kLanes; n <= kLanes * (degree - j + 1); n += kLanes) {
#pragma omp simd
            for (int l = 0; l < kLanes; ++l) {
                const double term = (bx[l] * here[n + l - kLanes] + by[l] * before[n + l]) + a[l] * here[n + l];
                next[n + l] = term;
                sum[n + l] += term;
            }
        }
        double* spare = before;
        before = here, here = next, next = spare;
    }
}

// The polynomial in y − δ, by Horner's method for all powers of x at once.
DIRACS_WIDE inline void shift_rows(double* terms, int degree, double delta) {
    for (int k = 0; k < degree; ++k) {
        for (int j = degree - 1; j >= k; --j) {
            double* DIRACS_RESTRICT lower = terms + kRow * j;
            const double* DIRACS_RESTRICT upper = lower + kRow;
            for (int i = 0; i < degree - j; i += kLanes) {
#pragma omp simd
                for (int l = 0; l < kLanes; ++l) lower[i + l] += delta * upper[i + l];
            }
        }
    }
}

// At points, adds the polynomial H = Σ H_m, by degree, and ∫₀¹ tᵏ H(t u) dt / k! = Σ H_m/((m + k + 1) k!), k = 1, 2, 3.
DIRACS_WIDE inline void add_rays(const double* terms, int degree, const double* DIRACS_RESTRICT x,
                                 const double* DIRACS_RESTRICT y, std::size_t count, double* DIRACS_RESTRICT edge,
                                 double* DIRACS_RESTRICT gamma1, double* DIRACS_RESTRICT gamma2,
                                 double* DIRACS_RESTRICT gamma3) {
    constexpr int kBlock = 16;
    double power[kDegree + 1][kBlock];
    for (std::size_t begin = 0; begin < count; begin += kBlock) {
        const std::size_t size = std::min<std::size_t>(kBlock, count - begin);
        double px[kBlock] = {}, py[kBlock] = {}, sums[4][kBlock] = {}, value[kBlock];
        for (std::size_t n = 0; n < size; ++n) px[n] = x[begin + n], py[n] = y[begin + n];
        for (int n = 0; n < kBlock; ++n) power[0][n] = 1.0;
        for (int m = 1; m <= degree; ++m) {
#pragma omp simd
            for (int n = 0; n < kBlock; ++n) power[m][n] = power[m - 1][n] * py[n];
        }
        for (int m = degree; m >= 0; --m) {
            for (int n = 0; n < kBlock; ++n) value[n] = terms[m];
            for (int j = 1; j <= m; ++j) {
                const double term = terms[kRow * j + m - j];
#pragma omp simd
                for (int n = 0; n < kBlock; ++n) value[n] = value[n] * px[n] + term * power[j][n];
            }
            const double one = 1.0 / (m + 2), two = 0.5 / (m + 3), three = 1.0 / (6 * (m + 4));
#pragma omp simd
            for (int n = 0; n < kBlock; ++n) {
                sums[0][n] += value[n];
                sums[1][n] += one * value[n];
                sums[2][n] += two * value[n];
                sums[3][n] += three * value[n];
            }
        }
        for (std::size_t n = 0; n < size; ++n) {
            edge[begin + n] += sums[0][n];
            gamma1[begin + n] += sums[1][n];
            gamma2[begin + n] += sums[2][n];
            gamma3[begin + n] += sums[3][n];
        }
    }
}

}  // namespace detail

}  // namespace diracs
