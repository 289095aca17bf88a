// An image summed up on a grid of fewer cells, with its marginals: what the start of Newton's method is made of.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace diracs {

// Cells along each axis.
constexpr int kCoarse = 24;

using CoarseAxis = std::array<double, kCoarse>;
using CoarseGrid = std::array<double, std::size_t{kCoarse} * kCoarse>;

// Masses of sum one on a grid that holds the image but for this share of it beyond either end of an axis, which goes to the
// border of the grid: one that held all tails would be too coarse for the rest.
struct CoarseImage {
    static constexpr double kTail = 0.002;

    CoarseGrid mass{};
    std::array<CoarseAxis, 2> middle;
    std::array<double, 2> centre{}, deviation{};

    // values (nx, ny) ≥ 0 on the box [x0, x1] × [y0, y1].
    CoarseImage(const double* values, int nx, int ny, double x0, double y0, double x1, double y1) {
        std::vector<double> rows(nx, 0.0), columns(ny, 0.0);
        double total = 0.0;
        for (int i = 0; i < nx; ++i) {
            for (int j = 0; j < ny; ++j) {
                const double value = values[static_cast<std::size_t>(i) * ny + j];
                rows[i] += value;
                columns[j] += value;
            }
            total += rows[i];
        }
        const std::vector<Share> x = shares(rows, x0, x1, middle[0]), y = shares(columns, y0, y1, middle[1]);
        for (const Share& a : x) {
            const double* const row = values + static_cast<std::size_t>(a.pixel) * ny;
            for (const Share& b : y) mass[a.cell * kCoarse + b.cell] += a.part * b.part * row[b.pixel] / total;
        }
        std::array<CoarseAxis, 2> marginal{};
        for (int a = 0; a < kCoarse; ++a) {
            for (int b = 0; b < kCoarse; ++b) {
                marginal[0][a] += mass[a * kCoarse + b];
                marginal[1][b] += mass[a * kCoarse + b];
            }
        }
        for (int axis = 0; axis < 2; ++axis) {
            for (int a = 0; a < kCoarse; ++a) centre[axis] += marginal[axis][a] * middle[axis][a];
            double variance = 0.0;
            for (int a = 0; a < kCoarse; ++a) {
                const double off = middle[axis][a] - centre[axis];
                variance += marginal[axis][a] * off * off;
            }
            deviation[axis] = std::sqrt(variance);
        }
    }

private:
    // The part of a pixel that lies in a cell, along one axis.
    struct Share {
        int pixel, cell;
        double part;
    };

    static std::vector<Share> shares(const std::vector<double>& marginal, double low, double high, CoarseAxis& middle) {
        const int n = static_cast<int>(marginal.size());
        std::vector<double> sums(marginal.size() + 1, 0.0);
        for (int k = 0; k < n; ++k) sums[k + 1] = sums[k] + marginal[k];
        // In units of pixels.
        const auto quantile = [&](double share) {
            const double sum = share * sums[n];
            int k = 0;
            while (k + 1 < n && sums[k + 1] < sum) ++k;
            return sums[k + 1] > sums[k] ? k + std::clamp((sum - sums[k]) / (sums[k + 1] - sums[k]), 0.0, 1.0) : k;
        };
        const double first = quantile(kTail), step = (quantile(1.0 - kTail) - first) / kCoarse;
        std::vector<Share> found;
        for (int c = 0; c < kCoarse; ++c) {
            middle[c] = low + (high - low) * ((first + (c + 0.5) * step) / n);
            const double begin = c == 0 ? 0.0 : first + c * step, end = c + 1 == kCoarse ? n : first + (c + 1) * step;
            for (int k = std::min(static_cast<int>(begin), n - 1); k < n && k < end; ++k) {
                const double part = std::min(end, k + 1.0) - std::max(begin, static_cast<double>(k));
                if (part > 0.0) found.push_back({k, c, part});
            }
        }
        return found;
    }
};

}  // namespace diracs
