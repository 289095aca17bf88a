// The exponential without branches or calls, for loops that compilers make wide.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace diracs::detail {

constexpr std::array<double, 20> inverse_factorials() {
    std::array<double, 20> result = {1.0};
    for (std::size_t k = 1; k < result.size(); ++k) result[k] = result[k - 1] / static_cast<double>(k);
    return result;
}

constexpr std::array<double, 20> kInverseFactorial = inverse_factorials();

// Σ c_{K+2j} xʲ. Loops of fixed length are templates: compilers vectorize a loop only if there is none inside.
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

constexpr std::array<double, 15> kExponential = [] {
    std::array<double, 15> result{};
    for (std::size_t k = 0; k < 15; ++k) result[k] = kInverseFactorial[k];
    return result;
}();

// 2ᵏ for an integer −1022 ≤ k ≤ 1023, to which 1.5·2⁵² has been added.
inline double power_of_two(double shifted) {
    std::uint64_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
}

// exp(x) for x ≤ 0: x = k log 2 + rest. In two steps, so that results below the normal numbers come out too. Within
// three roundings: k times the high part of log 2 is exact, |rest| ≤ 0.35 loses one of its own, and Taylor's remainder
// 0.35¹⁵/15! is 1e-19; the sum loses one rounding for its value and a half for each of its two parts.
inline double exponential(double x) {
    constexpr double kShift = 6755399441055744.0;  // 1.5·2⁵²: adding it rounds
    constexpr double kLog2High = 0x1.62e42fefa0000p-1, kLog2Low = 0x1.cf79abc9e3b3ap-40;
    x = x > -1400.0 ? x : -1400.0;
    const double k = (x * 1.4426950408889634 + kShift) - kShift;
    const double rest = (x - k * kLog2High) - k * kLog2Low;
    const double half = (0.5 * k + kShift) - kShift;
    return (polynomial(kExponential, rest) * power_of_two(half + kShift)) * power_of_two((k - half) + kShift);
}

}  // namespace diracs::detail
