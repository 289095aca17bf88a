// Moments of a Gaussian over a small polygon.
//
// At d from a point inside the density is proportional to exp(−A − B), with A linear and B quadratic in d. A triangle
// with its apex in the point is swept by the rays to its edge, t d for 0 ≤ t ≤ 1, with area element t dt |d × ∂d|. So
// its moments are integrals along the edge of
//   ∫₀¹ tᵏ exp(−tA − t²B) dt = exp(−A − B) k! Γ_k,   k = 1, 2, 3,
// and of positive terms: a small polygon keeps its digits, where the divergence theorem would leave differences.
// Integration by parts gives Γ_{k−1} = 1/k! + A Γ_k + 2(k+1) B Γ_{k+1}, stable downwards for small A and B.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numeric/exponential.hpp"
#include "numeric/gauss_legendre.hpp"
#include "plane/density.hpp"
#include "plane/polygon.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Nodes on the edges of a polygon about its center: d = m + q h, −1 < q < 1, with the weights of qʲ on each edge.
struct FanNodes {
    std::vector<double> x, y;
    int per_edge = 0;
    const double* weights[3];

    template <int N>
    void place(const Polygon& polygon, Vec2 center) {
        const GaussLegendre<N>& rule = gauss_legendre<N>;
        per_edge = N;
        for (int j = 0; j < 3; ++j) weights[j] = rule.moment[j].data();
        x.resize(N * polygon.size());
        y.resize(N * polygon.size());
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const Vec2 a = polygon[e] - center, b = polygon[polygon.next(e)] - center;
            const Vec2 m = 0.5 * (a + b), h = 0.5 * (b - a);
            for (int n = 0; n < N; ++n) {
                x[N * e + n] = m.x + rule.node[n] * h.x;
                y[N * e + n] = m.y + rule.node[n] * h.y;
            }
        }
    }
};

// A = a·d, 2B = xx d_x² + xy d_x d_y + yy d_y².
struct FanExponent {
    Vec2 a;
    double xx, xy, yy;
};

// At the nodes, sums over components of a factor times exp(−A − B), and that times Γ₁, Γ₂, Γ₃.
struct FanValues {
    std::vector<double> edge, gamma1, gamma2, gamma3;

    void clear(std::size_t size) {
        for (auto* column : {&edge, &gamma1, &gamma2, &gamma3}) column->assign(size, 0.0);
    }
};

namespace detail {

// Loops of fixed length are templates here: compilers vectorize a loop over nodes only if there is none inside.

// Σ tʲ⁻ᵏ/j! for k ≤ j ≤ 11: the exponential for k = 0 and |t| ≤ 0.3.
template <int K = 0>
inline double taylor(double t) {
    if constexpr (K == 11) {
        return kInverseFactorial[K];
    } else {
        return kInverseFactorial[K] + t * taylor<K + 1>(t);
    }
}

template <int Times>
inline double squared(double x) {
    if constexpr (Times == 0) {
        return x;
    } else {
        return squared<Times - 1>(x * x);
    }
}

// From Γ_K and Γ_{K+1} down to Γ₁, Γ₂, Γ₃.
template <int K>
inline std::array<double, 3> gammas(double a, double twice_b, double gamma, double upper) {
    const double lower = (kInverseFactorial[K] + (K + 1) * twice_b * upper) + a * gamma;
    if constexpr (K == 2) {
        return {lower, gamma, upper};
    } else {
        return gammas<K - 1>(a, twice_b, lower, gamma);
    }
}

// The recurrence starts with Γ_Last at A = B = 0; the exponential is a power of Taylor's polynomial.
template <int Last, int Halvings>
void add_fan(std::size_t count, const double* __restrict x, const double* __restrict y, FanExponent exponent,
             double factor, double* __restrict edge, double* __restrict gamma1, double* __restrict gamma2,
             double* __restrict gamma3) {
    for (std::size_t n = 0; n < count; ++n) {
        const double a = exponent.a.x * x[n] + exponent.a.y * y[n];
        const double twice_b = x[n] * (exponent.xx * x[n] + exponent.xy * y[n]) + exponent.yy * y[n] * y[n];
        const double density = factor * squared<Halvings>(taylor((a + 0.5 * twice_b) * (-1.0 / (1 << Halvings))));
        const std::array<double, 3> g = gammas<Last>(a, twice_b, kInverseFactorial[Last + 1], 0.0);
        edge[n] += density;
        gamma1[n] += density * g[0];
        gamma2[n] += density * g[1];
        gamma3[n] += density * g[2];
    }
}

}  // namespace detail

// A polygon of radius δ about its center, r away from the origin, is small if δ (r + 2) is at most
constexpr double kFanReach = 1.0;

constexpr int kMostNodes = 16;

// How many nodes and how long a recurrence: `log_size` is the logarithm of δ (r + 2), `log_edge` that of half an edge
// over δ. The limits (measured) leave errors of 1e-13 in the moments of any small polygon. The errors of N nodes grow
// by the power 2N − 2, those of recurrences from L by L − 2: with exp(slack) times as much allowed, limits are larger.
inline int fan_nodes(double log_size, double log_edge, double slack) {
    constexpr double limit[] = {-5.36, -2.73, -1.39, -0.56};  // of 3, 4, 5, 6 nodes; 7 for the rest
    for (int k = 0; k < 4; ++k) {
        if (log_size + log_edge < limit[k] + slack / (2 * k + 4)) return k + 3;
    }
    return 7;
}

// At least `count` nodes on each edge.
template <int N = 3>
void place_fan(int count, const Polygon& polygon, Vec2 center, FanNodes& nodes) {
    if constexpr (N < kMostNodes) {
        if (count > N) return place_fan<N + 1>(count, polygon, center, nodes);
    }
    nodes.place<N>(polygon, center);
}

inline void add_fan(const FanNodes& nodes, const FanExponent& exponent, double log_size, double slack, double factor,
                    FanValues& values) {
    const auto add = log_size < -3.75 + slack / 5    ? detail::add_fan<7, 0>
                     : log_size < -2.17 + slack / 7  ? detail::add_fan<9, 0>
                     : log_size < -1.25 + slack / 9  ? detail::add_fan<11, 0>
                     : log_size < -0.65 + slack / 11 ? detail::add_fan<13, 1>
                     : log_size < -0.20 + slack / 13 ? detail::add_fan<15, 2>
                                                     : detail::add_fan<17, 2>;
    add(nodes.x.size(), nodes.x.data(), nodes.y.data(), exponent, factor, values.edge.data(), values.gamma1.data(),
        values.gamma2.data(), values.gamma3.data());
}

// Integrals over −1 ≤ q ≤ 1 on one edge of qʲ times the values, as far as they are needed.
struct FanIntegrals {
    double edge[3] = {}, gamma1 = 0.0, gamma2[2] = {}, gamma3[3] = {};
};

inline FanIntegrals integrate_fan(const FanNodes& nodes, const FanValues& values, std::size_t e) {
    FanIntegrals sum;
    for (std::size_t n = 0, k = nodes.per_edge * e; n < static_cast<std::size_t>(nodes.per_edge); ++n, ++k) {
        const double w0 = nodes.weights[0][n], w1 = nodes.weights[1][n], w2 = nodes.weights[2][n];
        sum.edge[0] += w0 * values.edge[k], sum.edge[1] += w1 * values.edge[k], sum.edge[2] += w2 * values.edge[k];
        sum.gamma1 += w0 * values.gamma1[k];
        sum.gamma2[0] += w0 * values.gamma2[k], sum.gamma2[1] += w1 * values.gamma2[k];
        sum.gamma3[0] += w0 * values.gamma3[k], sum.gamma3[1] += w1 * values.gamma3[k];
        sum.gamma3[2] += w2 * values.gamma3[k];
    }
    return sum;
}

// Moments, and the lines of edges with labels larger than `above`.
inline CellMoments fan_moments(const Polygon& polygon, Vec2 center, int above, const FanNodes& nodes,
                               const FanValues& values, std::vector<LineMoments>& lines) {
    CellMoments moments;
    for (std::size_t e = 0; e < polygon.size(); ++e) {
        const Vec2 a = polygon[e] - center, b = polygon[polygon.next(e)] - center;
        const Vec2 m = 0.5 * (a + b), h = 0.5 * (b - a);
        const FanIntegrals sum = integrate_fan(nodes, values, e);
        const double area = std::max(0.0, cross(m, h));  // of the triangle
        moments.add(area,
                    {sum.gamma1, 2.0 * (sum.gamma2[0] * m + sum.gamma2[1] * h),
                     6.0 * (norm2(m) * sum.gamma3[0] + norm2(h) * sum.gamma3[2] + 2.0 * dot(m, h) * sum.gamma3[1])});
        if (polygon.labels[e] <= above) continue;
        const Vec2 tangent = polygon.halves[e].tangent();
        const double half = dot(h, tangent);
        const LineMoments line = {half * sum.edge[0], half * half * sum.edge[1], half * half * half * sum.edge[2]};
        lines[e] = line.moved(dot(m + center, tangent));
    }
    return moments.moved(center);
}

}  // namespace diracs
