// Masses of the rectangles of a grid under correlated bivariate normals.
//
// φ(x)·(Φ(upper | x) − Φ(lower | x)) is integrated over x: on panels of a length that its smoothness allows it is a
// polynomial through 24 Gauss–Legendre nodes, up to rounding, and is integrated from border to border. Every piece is an
// integral of a positive function; nothing is a difference of distribution functions.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numeric/parallel.hpp"

namespace diracs {

constexpr int kPanelNodes = 24;
// Gaussian mass further out is below 1e-23.
constexpr double kReach = 10.0;

// Gauss–Legendre nodes and weights, and for u in [−1, 1] the weights that integrate the interpolant from −1 to u.
class PanelRule {
public:
    std::array<double, kPanelNodes> node, weight;

    PanelRule() {
        constexpr int n = kPanelNodes;
        const double pi = std::acos(-1.0);
        for (int k = 0; k < n; ++k) {
            double x = -std::cos(pi * (k + 0.75) / (n + 0.5)), slope = 1.0;
            for (int step = 0; step < 100; ++step) {  // Newton on P_n
                double before = 1.0, p = x;
                for (int q = 1; q < n; ++q) {
                    const double following = ((2 * q + 1) * x * p - q * before) / (q + 1);
                    before = p;
                    p = following;
                }
                slope = n * (x * p - before) / (x * x - 1.0);
                const double shift = p / slope;
                x -= shift;
                if (std::fabs(shift) < 1e-16) break;
            }
            node[k] = x;
            weight[k] = 2.0 / ((1.0 - x * x) * slope * slope);
            legendre(x, at_node_[k]);
        }
    }

    // The Lagrange basis is Σ_q weight (2q + 1)/2 P_q(node) P_q, and ∫_{−1}^u P_q = (P_{q+1}(u) − P_{q−1}(u)) / (2q + 1).
    void up_to(double u, std::array<double, kPanelNodes>& out) const {
        Values p;
        legendre(u, p);
        std::array<double, kPanelNodes> integral;
        integral[0] = u + 1.0;
        for (int q = 1; q < kPanelNodes; ++q) integral[q] = p[q + 1] - p[q - 1];
        for (int k = 0; k < kPanelNodes; ++k) {
            double sum = 0.0;
            for (int q = 0; q < kPanelNodes; ++q) sum += at_node_[k][q] * integral[q];
            out[k] = 0.5 * weight[k] * sum;
        }
    }

private:
    using Values = std::array<double, kPanelNodes + 1>;
    std::array<Values, kPanelNodes> at_node_;

    static void legendre(double x, Values& p) {
        p[0] = 1.0;
        p[1] = x;
        for (int q = 1; q < kPanelNodes; ++q) p[q + 1] = ((2 * q + 1) * x * p[q] - q * p[q - 1]) / (q + 1);
    }
};

// Adds up the masses of one normal; scratch memory is kept from one to the next.
class RectangleMasses {
public:
    // Borders a (rows + 1) and b (columns + 1), sorted and standardized; |correlation| < 1; out (rows, columns).
    void operator()(const double* a, int rows, const double* b, int columns, double correlation, double panel,
                    double* out) {
        const int panels = static_cast<int>(std::lround(2.0 * kReach / panel));
        fill(b, columns, correlation, panel, panels);
        std::fill(out, out + static_cast<std::size_t>(rows) * columns, 0.0);
        Place from = place(a[0], panel, panels);
        for (int r = 0; r < rows; ++r) {
            poll_interrupt();
            const Place to = place(a[r + 1], panel, panels);
            double* row = out + static_cast<std::size_t>(r) * columns;
            if (from.panel == to.panel) {
                add(from.panel, difference(to.weights, from.weights), columns, row);
            } else {
                add(from.panel, difference(rule_.weight, from.weights), columns, row);
                for (int p = from.panel + 1; p < to.panel; ++p) {
                    const double* total = total_.data() + static_cast<std::size_t>(p) * columns;
                    for (int j = 0; j < columns; ++j) row[j] += total[j];
                }
                add(to.panel, to.weights, columns, row);
            }
            for (int j = 0; j < columns; ++j) row[j] = std::max(row[j], 0.0);
            from = to;
        }
    }

private:
    using Weights = std::array<double, kPanelNodes>;
    struct Place {
        int panel;
        Weights weights;  // of the nodes of the panel, up to here
    };

    PanelRule rule_;
    std::vector<double> height_, total_, tail_;

    static Weights difference(const Weights& a, const Weights& b) {
        Weights out;
        for (int k = 0; k < kPanelNodes; ++k) out[k] = a[k] - b[k];
        return out;
    }

    Place place(double x, double panel, int panels) const {
        const double at = std::clamp((x + kReach) / panel, 0.0, static_cast<double>(panels));
        Place found{std::min(static_cast<int>(at), panels - 1), {}};
        rule_.up_to(std::clamp(2.0 * (at - found.panel) - 1.0, -1.0, 1.0), found.weights);
        return found;
    }

    // Heights (panels · nodes, columns) of the integrand times half a panel, and their integrals over whole panels.
    void fill(const double* b, int columns, double correlation, double panel, int panels) {
        const double rest = std::sqrt((1.0 - correlation) * (1.0 + correlation)), root = std::sqrt(0.5);
        const double scale = 0.5 * panel / std::sqrt(2.0 * std::acos(-1.0));
        height_.resize(static_cast<std::size_t>(panels) * kPanelNodes * columns);
        total_.assign(static_cast<std::size_t>(panels) * columns, 0.0);
        tail_.resize(static_cast<std::size_t>(columns) + 1);
        for (int p = 0; p < panels; ++p) {
            poll_interrupt();
            double* total = total_.data() + static_cast<std::size_t>(p) * columns;
            for (int k = 0; k < kPanelNodes; ++k) {
                const double x = -kReach + panel * (p + 0.5 * (1.0 + rule_.node[k]));
                const double density = scale * std::exp(-0.5 * x * x);
                double* height = height_.data() + (static_cast<std::size_t>(p) * kPanelNodes + k) * columns;
                // Φ(t) for t ≤ 0, Φ(t) − 1 for t > 0: small where it is to be accurate; beyond 9 it is nothing.
                for (int j = 0; j <= columns; ++j) {
                    const double t = (b[j] - correlation * x) / rest;
                    const double small = std::fabs(t) < 9.0 ? 0.5 * std::erfc(std::fabs(t) * root) : 0.0;
                    tail_[j] = t > 0.0 ? -small : small;
                }
                for (int j = 0; j < columns; ++j) {
                    const bool crossed = (b[j + 1] - correlation * x > 0.0) && !(b[j] - correlation * x > 0.0);
                    height[j] = density * (tail_[j + 1] - tail_[j] + (crossed ? 1.0 : 0.0));
                    total[j] += rule_.weight[k] * height[j];
                }
            }
        }
    }

    void add(int panel, const Weights& weights, int columns, double* row) const {
        const double* height = height_.data() + static_cast<std::size_t>(panel) * kPanelNodes * columns;
        for (int k = 0; k < kPanelNodes; ++k, height += columns) {
            const double weight = weights[k];
            for (int j = 0; j < columns; ++j) row[j] += weight * height[j];
        }
    }
};

// For many normals at once: a (count, rows + 1), b (count, columns + 1), correlation and panel length (count); out
// (count, rows, columns).
inline void rectangle_masses(const double* a, int rows, const double* b, int columns, const double* correlation,
                             const double* panel, std::size_t count, int threads, double* out) {
    parallel_for(count, 8, threads, [&] {
        return [&, masses = RectangleMasses()](std::size_t begin, std::size_t end) mutable {
            for (std::size_t k = begin; k < end; ++k) {
                masses(a + k * (static_cast<std::size_t>(rows) + 1), rows,
                       b + k * (static_cast<std::size_t>(columns) + 1), columns, correlation[k], panel[k],
                       out + k * static_cast<std::size_t>(rows) * columns);
            }
        };
    });
}

}  // namespace diracs
