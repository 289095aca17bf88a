// The dense kernel of a multifrontal elimination: a symmetric matrix plus a product of a block of columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace diracs {

// C += A diag(scale) Bᵀ below the diagonal of C (rows × columns, column-major), with A (rows × k, column-major) and B
// its first rows. Entries of C on and above the diagonal may change to anything.
inline void add_symmetric_product(double* __restrict c, int c_stride, const double* __restrict a, int a_stride,
                                  int rows, int columns, int k, const double* scale, std::vector<double>& scratch) {
    constexpr int kTile = 4;
    scratch.resize(static_cast<std::size_t>(kTile) * k);
    double* const b = scratch.data();
    for (int c0 = 0; c0 < columns; c0 += kTile) {
        const int width = std::min(kTile, columns - c0);
        for (int p = 0; p < k; ++p) {
            for (int t = 0; t < kTile; ++t) {
                b[kTile * p + t] = t < width ? scale[p] * a[static_cast<std::ptrdiff_t>(p) * a_stride + c0 + t] : 0.0;
            }
        }
        int r = c0;
        for (; r + kTile <= rows && width == kTile; r += kTile) {
            double sum[kTile][kTile] = {};
            const double* column = a + r;
            for (int p = 0; p < k; ++p, column += a_stride) {
                for (int t = 0; t < kTile; ++t) {
                    for (int s = 0; s < kTile; ++s) sum[t][s] += b[kTile * p + t] * column[s];
                }
            }
            for (int t = 0; t < kTile; ++t) {
                double* const target = c + static_cast<std::ptrdiff_t>(c0 + t) * c_stride + r;
                for (int s = 0; s < kTile; ++s) target[s] += sum[t][s];
            }
        }
        for (; r < rows; ++r) {
            double sum[kTile] = {};
            for (int p = 0; p < k; ++p) {
                const double value = a[static_cast<std::ptrdiff_t>(p) * a_stride + r];
                for (int t = 0; t < kTile; ++t) sum[t] += b[kTile * p + t] * value;
            }
            for (int t = 0; t < width; ++t) c[static_cast<std::ptrdiff_t>(c0 + t) * c_stride + r] += sum[t];
        }
    }
}

}  // namespace diracs
