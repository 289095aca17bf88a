// Where Newton's method starts: dual weights of a coarse entropic transport, evaluated at the seeds themselves.
//
// Both laws are centred and each axis scaled to equal deviations, which leaves x·y what it is. Sinkhorn's iterations (M.
// Cuturi 2013) between histograms, one axis at a time, end with a soft c-transform at the actual seeds: its potential is
// strictly convex, so that no cell of the plane is empty.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numeric/exponential.hpp"
#include "transport/coarse_image.hpp"

namespace diracs {

class EntropicStart {
public:
    explicit EntropicStart(const CoarseImage& image) : image_(image), p_(image.mass) {}

    // Weights (n,) of power cells that carry about the target masses (n,), of sum one. False if that is no matter of a few
    // products of doubles: for seeds far from most others, or that have no width along an axis, and sums that underflow.
    bool operator()(const std::vector<double>& seeds, const std::vector<double>& target, std::vector<double>& weights) {
        if (!place(seeds, target)) return false;
        const double scale = std::max(image_.deviation[0] * stretch_[0], image_.deviation[1] * stretch_[1]);
        std::fill(columns_.begin(), columns_.end(), 1.0);
        potential_.fill(0.0);  // g, of the histogram of the seeds
        double epsilon = 0.0;
        for (const auto& [entropy, iterations] : kEntropies) {
            epsilon = entropy * scale * scale;
            if (!iterate(epsilon, iterations)) return false;
        }
        return evaluate(seeds, epsilon, weights);
    }

private:
    struct Round {
        double entropy;
        int iterations;
    };

    // Entropies in units of the variance.
    static constexpr Round kEntropies[] = {{1.0, 2}, {0.2, 3}, {0.05, 4}, {0.015, 6}};
    // Sums of products that were too small for doubles are not to be trusted below this; masses that do not matter.
    static constexpr double kUnderflow = 1e-250, kNothing = 1e-10;
    // This share of the mass on either side may be far from the rest.
    static constexpr double kOutliers = 0.05;

    const CoarseImage& image_;
    CoarseGrid p_, q_, rows_, columns_, potential_, work_, sums_;
    std::array<CoarseAxis, 2> x_, y_;
    std::array<double, 2> middle_, stretch_;
    std::array<CoarseGrid, 2> kernel_, transposed_;

    static double square(double t) { return t * t; }

    // The grid and the histogram of the seeds in scaled coordinates.
    bool place(const std::vector<double>& seeds, const std::vector<double>& target) {
        const std::size_t n = target.size();
        std::array<double, 2> low, high, width;
        std::vector<std::size_t> order(n);
        for (int a = 0; a < 2; ++a) {
            double mean = 0.0, variance = 0.0;
            for (std::size_t i = 0; i < n; ++i) mean += target[i] * seeds[2 * i + a];
            for (std::size_t i = 0; i < n; ++i) variance += target[i] * square(seeds[2 * i + a] - mean);
            middle_[a] = mean;
            stretch_[a] = std::sqrt(std::sqrt(variance) / image_.deviation[a]);
            if (!(stretch_[a] > 0.0) || !std::isfinite(stretch_[a])) return false;
            for (std::size_t i = 0; i < n; ++i) order[i] = i;
            std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
                return seeds[2 * i + a] != seeds[2 * j + a] ? seeds[2 * i + a] < seeds[2 * j + a] : i < j;
            });
            const double least = seeds[2 * order.front() + a], most = seeds[2 * order.back() + a];
            const double first = quantile(seeds, target, order, a, kOutliers);
            const double last = quantile(seeds, target, order, a, 1.0 - kOutliers);
            if (!(last > first) || least < 2.0 * first - last || most > 2.0 * last - first) return false;
            low[a] = (least - mean) / stretch_[a];
            high[a] = (most - mean) / stretch_[a];
            width[a] = high[a] - low[a];
            for (int c = 0; c < kCoarse; ++c) {
                x_[a][c] = (image_.middle[a][c] - image_.centre[a]) * stretch_[a];
                y_[a][c] = low[a] + width[a] * (c + 0.5) / kCoarse;
            }
        }
        q_.fill(0.0);
        for (std::size_t i = 0; i < n; ++i) {
            int cell[2];
            for (int a = 0; a < 2; ++a) {
                const double share = ((seeds[2 * i + a] - middle_[a]) / stretch_[a] - low[a]) / width[a];
                cell[a] = std::clamp(static_cast<int>(share * kCoarse), 0, kCoarse - 1);
            }
            q_[cell[0] * kCoarse + cell[1]] += target[i];
        }
        return true;
    }

    static double quantile(const std::vector<double>& seeds, const std::vector<double>& target,
                           const std::vector<std::size_t>& order, int axis, double share) {
        double sum = 0.0;
        for (const std::size_t i : order) {
            sum += target[i];
            if (sum >= share) return seeds[2 * i + axis];
        }
        return seeds[2 * order.back() + axis];
    }

    // Scalings of rows and columns from g on, and g anew; false if products underflow.
    bool iterate(double epsilon, int iterations) {
        for (int a = 0; a < 2; ++a) {
            for (int r = 0; r < kCoarse; ++r) {
                for (int c = 0; c < kCoarse; ++c) {
                    const double value = detail::exponential(-0.5 * square(x_[a][r] - y_[a][c]) / epsilon);
                    kernel_[a][r * kCoarse + c] = transposed_[a][c * kCoarse + r] = value;
                }
            }
        }
        double top = -HUGE_VAL;
        for (std::size_t k = 0; k < q_.size(); ++k) {
            if (q_[k] > 0.0) top = std::max(top, potential_[k] / epsilon + std::log(q_[k]));
        }
        for (std::size_t k = 0; k < q_.size(); ++k) {
            columns_[k] = q_[k] > 0.0 ? std::exp(potential_[k] / epsilon + std::log(q_[k]) - top) : 0.0;
        }
        for (int step = 0; step < iterations; ++step) {
            if (!scale(kernel_[0], columns_, transposed_[1], p_, rows_)) return false;
            if (!scale(transposed_[0], rows_, kernel_[1], q_, columns_)) return false;
        }
        for (std::size_t k = 0; k < sums_.size(); ++k) {
            potential_[k] = -epsilon * std::log(std::max(sums_[k], kUnderflow));
        }
        return true;
    }

    // masses / (A from B), divided by the largest; the product stays in sums_.
    bool scale(const CoarseGrid& a, const CoarseGrid& from, const CoarseGrid& b, const CoarseGrid& masses,
               CoarseGrid& result) {
        multiply(a, from, work_);
        multiply(work_, b, sums_);
        double most = 0.0;
        for (std::size_t k = 0; k < sums_.size(); ++k) {
            if (masses[k] > kNothing && sums_[k] < kUnderflow) return false;
            result[k] = masses[k] / std::max(sums_[k], kUnderflow);
            most = std::max(most, result[k]);
        }
        for (double& value : result) value /= most;
        return true;
    }

    static void multiply(const CoarseGrid& a, const CoarseGrid& b, CoarseGrid& c) {
        constexpr int kBlock = 8;  // columns, held in registers
        for (int i = 0; i < kCoarse; ++i) {
            for (int j = 0; j < kCoarse; j += kBlock) {
                double sum[kBlock] = {};
                for (int k = 0; k < kCoarse; ++k) {
                    const double factor = a[i * kCoarse + k];
                    const double* const row = &b[k * kCoarse + j];
                    for (int q = 0; q < kBlock; ++q) sum[q] += factor * row[q];
                }
                std::copy_n(sum, kBlock, &c[i * kCoarse + j]);
            }
        }
    }

    // exp(−(z − x)²/2ε) for all x of an axis.
    static void kernel_at(double z, const CoarseAxis& x, double epsilon, CoarseAxis& out) {
        for (int c = 0; c < kCoarse; ++c) out[c] = detail::exponential(-0.5 * square(z - x[c]) / epsilon);
    }

    bool evaluate(const std::vector<double>& seeds, double epsilon, std::vector<double>& weights) {
        const std::size_t n = seeds.size() / 2;
        weights.resize(n);
        CoarseAxis near[2];
        for (std::size_t i = 0; i < n; ++i) {
            double z[2], straight = 0.0;
            for (int a = 0; a < 2; ++a) {
                const double off = seeds[2 * i + a] - middle_[a];
                z[a] = off / stretch_[a];
                straight += off * image_.centre[a];
                kernel_at(z[a], x_[a], epsilon, near[a]);
            }
            double sum = 0.0;
            for (int r = 0; r < kCoarse; ++r) {
                const double* const row = &rows_[r * kCoarse];
                double part[4] = {};
                for (int c = 0; c < kCoarse; c += 4) {
                    for (int q = 0; q < 4; ++q) part[q] += row[c + q] * near[1][c + q];
                }
                sum += near[0][r] * ((part[0] + part[1]) + (part[2] + part[3]));
            }
            if (!(sum > kUnderflow)) return false;
            const double convex = 0.5 * (z[0] * z[0] + z[1] * z[1]) + epsilon * std::log(sum);
            const double x = seeds[2 * i], y = seeds[2 * i + 1];
            weights[i] = x * x + y * y - 2.0 * (convex + straight);
        }
        return true;
    }
};

}  // namespace diracs
