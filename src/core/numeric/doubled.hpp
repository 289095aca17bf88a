// Sums and products with twice the digits: numbers as unevaluated sums of two doubles (T. J. Dekker, "A floating-point
// technique for extending the available precision", Numerische Mathematik 18, 1971), here none of them negative.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "numeric/expansion.hpp"
#include "numeric/parallel.hpp"
#include "numeric/wide.hpp"

namespace diracs {

struct Doubled {
    double high = 0.0, low = 0.0;
};

inline Doubled normalized(double high, double low) {
    Doubled out;
    fast_two_sum(high, low, out.high, out.low);
    return out;
}

inline Doubled operator+(Doubled a, Doubled b) {
    double sum, tail;
    two_sum(a.high, b.high, sum, tail);
    return normalized(sum, tail + (a.low + b.low));
}

inline Doubled operator*(Doubled a, Doubled b) {
    double product, tail;
    two_product(a.high, b.high, product, tail);
    return normalized(product, tail + (a.high * b.low + a.low * b.high));
}

// For b other than zero.
inline Doubled operator/(Doubled a, Doubled b) {
    const double quotient = a.high / b.high;
    const Doubled back = Doubled{quotient, 0.0} * b;
    return normalized(quotient, (((a.high - back.high) - back.low) + a.low) / b.high);
}

// The sum of n doubles.
DIRACS_WIDE inline Doubled doubled_sum(const double* x, std::size_t n) {
    constexpr std::size_t kLanes = 8;
    double high[kLanes] = {}, low[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) {
            double sum, tail;
            two_sum(high[l], x[i + l], sum, tail);
            fast_two_sum(sum, tail + low[l], high[l], low[l]);
        }
    }
    Doubled total;
    for (std::size_t l = 0; l < kLanes; ++l) total = total + Doubled{high[l], low[l]};
    for (; i < n; ++i) total = total + Doubled{x[i], 0.0};
    return total;
}

// (high, low) += factor · x, for n numbers.
DIRACS_WIDE inline void add_multiple(Doubled factor, const double* DIRACS_RESTRICT x, std::size_t n,
                                     double* DIRACS_RESTRICT high, double* DIRACS_RESTRICT low) {
    for (std::size_t i = 0; i < n; ++i) {
        double product, tail, sum, rest;
        two_product(factor.high, x[i], product, tail);
        tail += factor.low * x[i];
        two_sum(high[i], product, sum, rest);
        fast_two_sum(sum, rest + (tail + low[i]), high[i], low[i]);
    }
}

// high + low (groups, n): sums of the rows x (count, n), normalized, times shares (count,), over the rows of each group.
inline void doubled_masses(const double* x, std::size_t count, std::size_t n, const double* share_high,
                           const double* share_low, const int* group, int threads, double* high, double* low) {
    std::vector<Doubled> factor(count);
    parallel_for(count, 16, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t k = begin; k < end; ++k) {
                if (!(share_high[k] > 0.0)) continue;
                factor[k] = Doubled{share_high[k], share_low[k]} / doubled_sum(x + k * n, n);
            }
        };
    });
    parallel_for(n, 512, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t k = 0; k < count; ++k) {
                if (!(share_high[k] > 0.0)) continue;
                const std::size_t at = static_cast<std::size_t>(group[k]) * n + begin;
                add_multiple(factor[k], x + k * n + begin, end - begin, high + at, low + at);
            }
        };
    });
}

}  // namespace diracs
