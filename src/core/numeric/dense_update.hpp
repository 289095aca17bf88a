// The dense kernel of a multifrontal elimination: a symmetric matrix plus a product of a block of columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "numeric/wide.hpp"

namespace diracs {

// C += A diag(scale) Bᵀ below the diagonal of C (rows × columns, column-major), with A (rows × k, column-major) and B
// its first rows. Entries of C on and above the diagonal may change to anything.
DIRACS_WIDE
inline void add_symmetric_product(double* DIRACS_RESTRICT c, int c_stride, const double* DIRACS_RESTRICT a,
                                  int a_stride, int rows, int columns, int k, const double* scale,
                                  std::vector<double>& scratch) {
    constexpr int kColumns = 4, kRows = 8;
    scratch.resize(static_cast<std::size_t>(kColumns) * k);
    double* const b = scratch.data();
    for (int c0 = 0; c0 < columns; c0 += kColumns) {
        const int width = std::min(kColumns, columns - c0);
        for (int p = 0; p < k; ++p) {
            for (int t = 0; t < kColumns; ++t) {
                b[kColumns * p + t] =
                    t < width ? scale[p] * a[static_cast<std::ptrdiff_t>(p) * a_stride + c0 + t] : 0.0;
            }
        }
        int r = c0;
        for (; r + kRows <= rows && width == kColumns; r += kRows) {
            double sum[kColumns][kRows] = {};
            const double* column = a + r;
            for (int p = 0; p < k; ++p, column += a_stride) {
                for (int t = 0; t < kColumns; ++t) {
                    for (int s = 0; s < kRows; ++s) sum[t][s] += b[kColumns * p + t] * column[s];
                }
            }
            for (int t = 0; t < kColumns; ++t) {
                double* const target = c + static_cast<std::ptrdiff_t>(c0 + t) * c_stride + r;
                for (int s = 0; s < kRows; ++s) target[s] += sum[t][s];
            }
        }
        for (; r < rows; ++r) {
            double sum[kColumns] = {};
            for (int p = 0; p < k; ++p) {
                const double value = a[static_cast<std::ptrdiff_t>(p) * a_stride + r];
                for (int t = 0; t < kColumns; ++t) sum[t] += b[kColumns * p + t] * value;
            }
            for (int t = 0; t < width; ++t) c[static_cast<std::ptrdiff_t>(c0 + t) * c_stride + r] += sum[t];
        }
    }
}

}  // namespace diracs
