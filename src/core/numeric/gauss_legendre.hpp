// Gauss–Legendre rules on [−1, 1].
#pragma once

#include <array>
#include <cmath>

namespace diracs {

template <int N>
struct GaussLegendre {
    std::array<double, N> node, weight;
    std::array<std::array<double, N>, 3> moment;  // weights of xʲ, j = 0, 1, 2

    // Newton's method on the Legendre polynomial, from Tricomi's estimate of its roots.
    GaussLegendre() {
        for (int k = 0; k < N; ++k) {
            long double x = std::cos(3.14159265358979323846L * (k + 0.75L) / (N + 0.5L)), slope = 1.0L;
            for (int step = 0; step < 10; ++step) {
                long double before = 1.0L, value = x;
                for (int degree = 2; degree <= N; ++degree) {
                    const long double next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree;
                    before = value, value = next;
                }
                slope = N * (x * value - before) / (x * x - 1.0L);
                x -= value / slope;
            }
            node[k] = static_cast<double>(x);
            weight[k] = static_cast<double>(2.0L / ((1.0L - x * x) * slope * slope));
            moment[0][k] = weight[k];
            for (int j = 1; j < 3; ++j) moment[j][k] = moment[j - 1][k] * node[k];
        }
    }
};

template <int N>
inline const GaussLegendre<N> gauss_legendre = GaussLegendre<N>();

}  // namespace diracs
