// exp(−q/2), erfc(r/√2)/r and erf(r/√2)/r for many q = r² at once, in loops that compilers make wide.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gaussian/gaussian_fan.hpp"
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

constexpr std::array<double, 15> kExponential = [] {
    std::array<double, 15> result{};
    for (std::size_t k = 0; k < 15; ++k) result[k] = diracs::detail::kInverseFactorial[k];
    return result;
}();

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

// Σ c_{K+2j} xʲ. Loops of fixed length are templates, as in gaussian_fan.hpp.
template <std::size_t K, std::size_t N>
inline double every_second(const std::array<double, N>& c, double x) {
    if constexpr (K + 2 >= N) {
        return c[K];
    } else {
        return c[K] + x * every_second<K + 2>(c, x);
    }
}

// Even and odd powers by themselves are two short chains in place of a long one.
template <std::size_t N>
inline double polynomial(const std::array<double, N>& c, double x) {
    return every_second<0>(c, x * x) + x * every_second<1>(c, x * x);
}

// 2ᵏ for an integer −1022 ≤ k ≤ 1023, to which 1.5·2⁵² has been added.
inline double power_of_two(double shifted) {
    std::uint64_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
}

// exp(x) for x ≤ 0: x = k log 2 + rest. In two steps, so that results below the normal numbers come out too.
inline double exponential(double x) {
    constexpr double kShift = 6755399441055744.0;  // 1.5·2⁵²: adding it rounds
    constexpr double kLog2High = 0x1.62e42fefa0000p-1, kLog2Low = 0x1.cf79abc9e3b3ap-40;
    x = x > -1400.0 ? x : -1400.0;
    const double k = (x * 1.4426950408889634 + kShift) - kShift;
    const double rest = (x - k * kLog2High) - k * kLog2Low;
    const double half = (0.5 * k + kShift) - kShift;
    return (polynomial(kExponential, rest) * power_of_two(half + kShift)) * power_of_two((k - half) + kShift);
}

}  // namespace detail

// exp(−q/2) and erfc(r/√2)/r; q ≥ 0.99.
DIRACS_WIDE inline void screened_decays(const double* DIRACS_RESTRICT q, std::size_t count, double* DIRACS_RESTRICT e,
                                        double* DIRACS_RESTRICT g) {
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const double decay = detail::exponential(-0.5 * q[n]);
        e[n] = decay;
        g[n] = decay * detail::polynomial(detail::kScaledTail, 1.0 - 9.98 / (std::sqrt(q[n]) + 4.0)) / q[n];
    }
}

// exp(−q/2) and erf(r/√2)/r; q ≥ 0.
DIRACS_WIDE inline void coulomb_decays(const double* DIRACS_RESTRICT q, std::size_t count, double* DIRACS_RESTRICT e,
                                       double* DIRACS_RESTRICT g) {
#pragma omp simd
    for (std::size_t n = 0; n < count; ++n) {
        const double decay = detail::exponential(-0.5 * q[n]);
        e[n] = decay;
        const double far2 = q[n] > 1.0 ? q[n] : 1.0, near2 = q[n] > 1.0 ? 1.0 : q[n], r = std::sqrt(far2);
        const double far = 1.0 / r - decay * detail::polynomial(detail::kScaledTail, 1.0 - 9.98 / (r + 4.0)) / far2;
        g[n] = q[n] > 1.0 ? far : detail::polynomial(detail::kCoulomb, near2);
    }
}

}  // namespace diracs::space
