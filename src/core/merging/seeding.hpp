// Starts for k-means: points drawn one after the other in proportion to mass times the square of the way to the nearest
// one drawn before (D. Arthur, S. Vassilvitskii, "k-means++", SODA 2007).
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "numeric/parallel.hpp"
#include "numeric/wide.hpp"

namespace diracs {

// Squares of the ways from points x[stride k + i] to one of them, lowered; their sum with the masses.
DIRACS_WIDE inline void lower_squares(const double* DIRACS_RESTRICT x, std::size_t count, std::size_t d,
                                      const double* DIRACS_RESTRICT y, double* DIRACS_RESTRICT work,
                                      double* DIRACS_RESTRICT square) {
    for (std::size_t i = 0; i < count; ++i) work[i] = 0.0;
    for (std::size_t k = 0; k < d; ++k) {
        const double c = y[k];
        for (std::size_t i = 0; i < count; ++i) {
            const double u = x[count * k + i] - c;
            work[i] += u * u;
        }
    }
    for (std::size_t i = 0; i < count; ++i) square[i] = std::min(square[i], work[i]);
}

// Indices of points, one for each uniform number in [0, 1); fewer where all points are drawn.
inline std::vector<int> spread_seeds(const double* points, const double* masses, std::size_t n, std::size_t d,
                                     const double* uniform, std::size_t count, int threads) {
    constexpr std::size_t kChunk = 512;
    const std::size_t chunks = (n + kChunk - 1) / kChunk;
    std::vector<double> x(n * d), square(n, std::numeric_limits<double>::infinity()), sums(chunks, 0.0);
    const auto length = [&](std::size_t c) { return std::min(kChunk, n - c * kChunk); };
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t c = i / kChunk;
        for (std::size_t k = 0; k < d; ++k) x[c * kChunk * d + k * length(c) + i % kChunk] = points[d * i + k];
    }
    for (std::size_t i = 0; i < n; ++i) sums[i / kChunk] += masses[i];
    std::vector<int> seeds;
    const auto weight = [&](std::size_t i) { return seeds.empty() ? masses[i] : masses[i] * square[i]; };
    while (seeds.size() < count) {
        double total = 0.0;
        for (const double sum : sums) total += sum;
        if (!(total > 0.0)) break;
        double left = uniform[seeds.size()] * total;
        std::size_t c = 0;
        while (c + 1 < chunks && !(left < sums[c])) left -= sums[c++];
        while (!(sums[c] > 0.0)) --c;  // Rounding may lead beyond the last one.
        std::size_t i = c * kChunk, chosen = i;
        for (const std::size_t end = i + length(c); i < end; ++i) {
            if (!(weight(i) > 0.0)) continue;
            chosen = i;
            left -= weight(i);
            if (left < 0.0) break;
        }
        seeds.push_back(static_cast<int>(chosen));
        parallel_for(chunks, 16, threads, [&] {
            return [&, work = std::vector<double>(kChunk)](std::size_t begin, std::size_t end) mutable {
                for (std::size_t c = begin; c < end; ++c) {
                    lower_squares(&x[c * kChunk * d], length(c), d, points + d * chosen, work.data(),
                                  &square[c * kChunk]);
                    double sum = 0.0;
                    for (std::size_t i = c * kChunk; i < c * kChunk + length(c); ++i) sum += masses[i] * square[i];
                    sums[c] = sum;
                }
            };
        });
    }
    return seeds;
}

}  // namespace diracs
