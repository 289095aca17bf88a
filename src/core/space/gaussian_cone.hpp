// Moments of Gaussians over a small polyhedron.
//
// At x from a point inside the density is proportional to exp(−A − B), with A linear and B quadratic in x. The pyramid from
// that point to a triangle of a facet is swept by the rays to it, t x for 0 ≤ t ≤ 1, with volume element t² dt (x·n) dA. So
// its moments are integrals over the triangle of
//   ∫₀¹ tᵏ exp(−tA − t²B) dt = exp(−A − B) k! Γ_k,   k = 2, 3, 4,
// and of positive terms: a small polyhedron keeps its digits, where the divergence theorem would leave differences.
// Γ_{k−1} = 1/k! + A Γ_k + 2(k+1) B Γ_{k+1}, as in the plane (gaussian_fan.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numeric/gauss_legendre.hpp"
#include "numeric/wide.hpp"
#include "gaussian/gaussian_fan.hpp"
#include "space/density.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

// A polyhedron of radius δ about its center, r away from the origin, is small if δ (r + 2) is at most
constexpr double kConeReach = 1.0;

// `log_size` is the logarithm of δ (r + 2).
inline int cone_rule(double log_size) {
    constexpr double limit[4] = {-4.2, -2.4, -1.4, -0.7};
    for (int k = 0; k < 4; ++k) {
        if (log_size < limit[k]) return k;
    }
    return 4;
}

// Nodes on the triangles of all facets, about the center, with their areas as weights.
struct ConeNodes {
    std::vector<double> x, y, z, weight;
    std::vector<std::size_t> begin;  // of each facet
    std::vector<double> height;      // of each facet from the center

    // Each triangle by the rule for its own size: `scale` times half of its longest side is δ (r + 2), see cone_rule.
    void place(const Polyhedron& cell, const FaceList& list, Vec3 center, double scale) {
        x.clear(), y.clear(), z.clear(), weight.clear(), begin.clear(), height.clear();
        for (const int first : list.begin) {
            begin.push_back(x.size());
            const HalfSpace& half = cell.faces[cell.left[first]].half;
            height.push_back(std::max(0.0, -half.excess(center) / norm(half.normal)));
            const Vec3 p = cell.vertex(first / 3) - center;
            int h = cell.next(first);
            Vec3 a = cell.vertex(h / 3) - center - p;
            for (h = cell.next(h); h != first; h = cell.next(h)) {
                const Vec3 b = cell.vertex(h / 3) - center - p;
                const double side2 = std::max({norm2(a), norm2(b), norm2(b - a)});
                switch (cone_rule(0.5 * std::log(0.25 * scale * scale * side2))) {
                    case 0: place<3>(p, a, b, half.normal); break;
                    case 1: place<4>(p, a, b, half.normal); break;
                    case 2: place<5>(p, a, b, half.normal); break;
                    case 3: place<6>(p, a, b, half.normal); break;
                    default: place<7>(p, a, b, half.normal);
                }
                a = b;
            }
        }
        begin.push_back(x.size());
    }

private:
    // Gauss–Legendre on a square, one side of which is shrunk to the corner p of the triangle p, p + a, p + b.
    template <int N>
    void place(Vec3 p, Vec3 a, Vec3 b, Vec3 outward) {
        const GaussLegendre<N>& rule = gauss_legendre<N>;
        const Vec3 normal = cross(a, b);
        const double twice = std::copysign(norm(normal), dot(normal, outward));  // see uniform_moments
        if (twice == 0.0) return;
        for (int i = 0; i < N; ++i) {
            const double r = 0.5 * (1.0 + rule.node[i]);
            for (int j = 0; j < N; ++j) {
                const double s = 0.5 * (1.0 + rule.node[j]);
                const Vec3 v = p + r * (a + s * (b - a));
                x.push_back(v.x), y.push_back(v.y), z.push_back(v.z);
                weight.push_back(0.25 * rule.weight[i] * rule.weight[j] * r * twice);
            }
        }
    }
};

// A = a·x, 2B = xᵀ P x.
struct ConeExponent {
    Vec3 a;
    const double (*precision)[3];
};

// At the nodes, sums over components of a factor times exp(−A − B), and that times Γ₂, Γ₃, Γ₄.
struct ConeValues {
    std::vector<double> facet, gamma2, gamma3, gamma4;

    void clear(std::size_t size) {
        for (auto* column : {&facet, &gamma2, &gamma3, &gamma4}) column->assign(size, 0.0);
    }
};

namespace detail {

// From Γ_K and Γ_{K+1} down to Γ₂, Γ₃, Γ₄.
template <int K>
inline std::array<double, 3> gammas(double a, double twice_b, double gamma, double upper) {
    const double lower = (diracs::detail::kInverseFactorial[K] + (K + 1) * twice_b * upper) + a * gamma;
    if constexpr (K == 3) {
        return {lower, gamma, upper};
    } else {
        return gammas<K - 1>(a, twice_b, lower, gamma);
    }
}

template <int Last, int Halvings>
DIRACS_WIDE void add_cone(std::size_t count, const double* __restrict x, const double* __restrict y,
                          const double* __restrict z, ConeExponent exponent, double factor, double* __restrict facet,
                          double* __restrict gamma2, double* __restrict gamma3, double* __restrict gamma4) {
    const double xx = exponent.precision[0][0], yy = exponent.precision[1][1], zz = exponent.precision[2][2];
    const double xy = 2.0 * exponent.precision[0][1], xz = 2.0 * exponent.precision[0][2];
    const double yz = 2.0 * exponent.precision[1][2];
    for (std::size_t n = 0; n < count; ++n) {
        const double a = exponent.a.x * x[n] + exponent.a.y * y[n] + exponent.a.z * z[n];
        const double twice_b =
            x[n] * (xx * x[n] + xy * y[n] + xz * z[n]) + y[n] * (yy * y[n] + yz * z[n]) + zz * z[n] * z[n];
        const double density = factor * diracs::detail::squared<Halvings>(
                                            diracs::detail::taylor((a + 0.5 * twice_b) * (-1.0 / (1 << Halvings))));
        const std::array<double, 3> g = gammas<Last>(a, twice_b, diracs::detail::kInverseFactorial[Last + 1], 0.0);
        facet[n] += density;
        gamma2[n] += density * g[0];
        gamma3[n] += density * g[1];
        gamma4[n] += density * g[2];
    }
}

}  // namespace detail

inline void add_cone(const ConeNodes& nodes, const ConeExponent& exponent, double log_size, double factor,
                     ConeValues& values) {
    const auto add = log_size < -3.75   ? detail::add_cone<8, 0>
                     : log_size < -2.17 ? detail::add_cone<10, 0>
                     : log_size < -1.25 ? detail::add_cone<12, 0>
                     : log_size < -0.65 ? detail::add_cone<14, 1>
                     : log_size < -0.20 ? detail::add_cone<16, 2>
                                        : detail::add_cone<18, 2>;
    add(nodes.x.size(), nodes.x.data(), nodes.y.data(), nodes.z.data(), exponent, factor, values.facet.data(),
        values.gamma2.data(), values.gamma3.data(), values.gamma4.data());
}

// Moments about the center, and of the facets.
inline CellMoments integrate_cone(const ConeNodes& nodes, const ConeValues& values, FacetMoments* facets) {
    CellMoments moments;
    for (std::size_t f = 0; f + 1 < nodes.begin.size(); ++f) {
        double mass = 0.0, second = 0.0;
        Vec3 first;
        FacetMoments facet;
        for (std::size_t n = nodes.begin[f]; n < nodes.begin[f + 1]; ++n) {
            const Vec3 v = {nodes.x[n], nodes.y[n], nodes.z[n]};
            const double w = nodes.weight[n], w3 = w * values.gamma3[n], on = w * values.facet[n];
            mass += w * values.gamma2[n];
            first = first + w3 * v;
            second += w * values.gamma4[n] * norm2(v);
            facet.zeroth += on;
            facet.first = facet.first + on * v;
            facet.second = facet.second + on * square(v);
        }
        const double h = nodes.height[f];
        moments.add(h, {2.0 * mass, 6.0 * first, 24.0 * second});
        if (facets != nullptr) facets[f] = facet;
    }
    return moments;
}

}  // namespace diracs::space
