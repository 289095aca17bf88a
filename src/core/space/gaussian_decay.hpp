// exp(−q/2), erfc(r/√2)/r and erf(r/√2)/r for many q = r² at once, in loops that compilers make wide.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "numeric/exponential.hpp"
#include "numeric/wide.hpp"

namespace diracs::space {

namespace detail {

// Interpolation in u at 23 Chebyshev nodes, by mpmath: r exp(r²/2) erfc(r/√2) with u = 1 − 9.98/(r + 4), r ≥ 0.99, to 7e-16.
constexpr std::array<double, 23> kScaledTail = {
    0.7772239528458739,     0.06407284843570986,     -0.08178535643255945,    0.06157176876043841,
    -0.03324597932515638,   0.012890177748714926,    -0.0031244682031260134,  0.0001316924197545146,
    0.00021208735769341709, -5.9576578686535235e-05, -9.650228408091666e-06,  7.601845792683107e-06,
    2.7717822594454716e-07, -9.25105837169165e-07,   2.582043219982729e-09,   1.2193890577448388e-07,
    1.4989437882507137e-09, -1.704009003145392e-08,  -1.1818456246968597e-09, 2.1871318246741974e-09,
    3.149915458467912e-10,  -1.7809687957153985e-10, -3.754825797205971e-11};

constexpr std::array<double, 15> kCoulomb = [] {
    // √(2/π) (−1/2)ᵏ/(k! (2k + 1)), the series of erf(r/√2)/r in q.
    std::array<double, 15> result{};
    double term = 0.79788456080286535588;
    for (int k = 0; k < 15; ++k) {
        result[k] = term / (2 * k + 1);
        term *= -0.5 / (k + 1);
    }
    return result;
}();

}  // namespace detail

// exp(−q/2) and erfc(r/√2)/r; q ≥ 0.99.
DIRACS_WIDE inline void screened_decays(const double* DIRACS_RESTRICT q, std::size_t count, double* DIRACS_RESTRICT e,
                                        double* DIRACS_RESTRICT g) {
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const double decay = diracs::detail::exponential(-0.5 * q[n]);
        e[n] = decay;
        g[n] = decay * diracs::detail::polynomial(detail::kScaledTail, 1.0 - 9.98 / (std::sqrt(q[n]) + 4.0)) / q[n];
    }
}

// exp(−q/2) and erf(r/√2)/r; q ≥ 0.
DIRACS_WIDE inline void coulomb_decays(const double* DIRACS_RESTRICT q, std::size_t count, double* DIRACS_RESTRICT e,
                                       double* DIRACS_RESTRICT g) {
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const double decay = diracs::detail::exponential(-0.5 * q[n]);
        e[n] = decay;
        const double far2 = q[n] > 1.0 ? q[n] : 1.0, near2 = q[n] > 1.0 ? 1.0 : q[n], r = std::sqrt(far2);
        const double far =
            1.0 / r - decay * diracs::detail::polynomial(detail::kScaledTail, 1.0 - 9.98 / (r + 4.0)) / far2;
        g[n] = q[n] > 1.0 ? far : diracs::detail::polynomial(detail::kCoulomb, near2);
    }
}

}  // namespace diracs::space
