// Conjugate gradients for a graph Laplacian, preconditioned by multigrid on aggregates with a K-cycle (Y. Notay, "An
// aggregation-based algebraic multigrid method", ETNA 2010): on each coarse level two steps of conjugate gradients,
// preconditioned in the same way. Smoothing is by Gauss–Seidel, forwards before and backwards after.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "graph/aggregation.hpp"
#include "numeric/interrupt.hpp"
#include "graph/laplacian_direct.hpp"
#include "graph/weighted_graph.hpp"

namespace diracs {

// What a solver reached: the residual is |D^{-1/2}(b − Lx)| / |D^{-1/2} b|.
struct Convergence {
    int iterations = 0;
    double residual = 0.0;
};

class LaplacianMultigrid {
public:
    LaplacianMultigrid(const WeightedGraph& graph, Places places) {
        levels_.emplace_back(graph);
        while (levels_.back().graph->size() > kCoarsest) {
            const WeightedGraph& fine = *levels_.back().graph;
            Aggregates first = pairs(fine, kWorst);
            const WeightedGraph middle = coarse_graph(fine, first);
            const Aggregates second = pairs(middle, kWorst);
            if (second.count > kShrink * fine.size()) break;
            for (int& a : first.of) a = second.of[a];
            first.count = second.count;
            // A coarse vertex lies where the first vertex of its aggregate does.
            Places fewer(first.count, places.width);
            for (int i = fine.size() - 1; i >= 0; --i) std::copy_n(places[i], places.width, fewer[first.of[i]]);
            places = std::move(fewer);
            levels_.back().aggregate = std::move(first.of);
            auto coarse = std::make_unique<WeightedGraph>(coarse_graph(middle, second));
            levels_.emplace_back(*coarse);
            owned_.push_back(std::move(coarse));
        }
        const WeightedGraph& last = *levels_.back().graph;
        coarsest_ = std::make_unique<LaplacianFactor>(last, places, Components(last), 1, kNoLimit);
    }

    // Flexible conjugate gradients from x = 0, for a b that sums to zero on every component.
    Convergence solve(const std::vector<double>& b, double tolerance, int most, std::vector<double>& x) {
        const std::vector<double>& diagonal = levels_[0].graph->diagonal;
        const std::size_t n = b.size();
        std::vector<double> r = b, z(n), az(n), p(n, 0.0), q(n, 0.0);
        x.assign(n, 0.0);
        const double start = scaled_norm(r, diagonal);
        Convergence reached{0, start > 0.0 ? 1.0 : 0.0};
        double pq = 1.0;
        while (reached.residual > tolerance && reached.iterations < most) {
            poll_interrupt();
            cycle(0, r, z, az);
            const double beta = reached.iterations > 0 ? -dot(z, q) / pq : 0.0;
            double pr = 0.0;
            pq = 0.0;
            for (std::size_t i = 0; i < n; ++i) {
                p[i] = z[i] + beta * p[i];
                q[i] = az[i] + beta * q[i];
                pr += p[i] * r[i];
                pq += p[i] * q[i];
            }
            if (!(pq > 0.0)) break;
            const double step = pr / pq;
            double square = 0.0;
            for (std::size_t i = 0; i < n; ++i) {
                x[i] += step * p[i];
                r[i] -= step * q[i];
                square += r[i] * r[i] / diagonal[i];
            }
            ++reached.iterations;
            reached.residual = std::sqrt(square) / start;
            if (!std::isfinite(reached.residual)) break;
        }
        return reached;
    }

    static double scaled_norm(const std::vector<double>& r, const std::vector<double>& diagonal) {
        double square = 0.0;
        for (std::size_t i = 0; i < r.size(); ++i) square += r[i] * r[i] / diagonal[i];
        return std::sqrt(square);
    }

private:
    static constexpr int kCoarsest = 600;
    static constexpr double kWorst = 8.0, kShrink = 0.8;

    struct Level {
        const WeightedGraph* graph;
        std::vector<int> aggregate;   // of each vertex, on the next level; none on the last
        std::vector<double> inverse;  // 1/D
        std::vector<double> change;
        std::vector<double> b, x, first, a_first, second, a_second;  // of the K-cycle, on coarse levels

        explicit Level(const WeightedGraph& g) : graph(&g), inverse(g.size()), change(g.size()) {
            for (int i = 0; i < g.size(); ++i) inverse[i] = g.diagonal[i] > 0.0 ? 1.0 / g.diagonal[i] : 0.0;
            for (auto* v : {&b, &x, &first, &a_first, &second, &a_second}) v->resize(g.size());
        }
    };

    std::vector<Level> levels_;
    std::vector<std::unique_ptr<WeightedGraph>> owned_;
    std::unique_ptr<LaplacianFactor> coarsest_;

    static double dot(const std::vector<double>& a, const std::vector<double>& b) {
        double sum = 0.0;
        for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
        return sum;
    }

    // x = Bb with the preconditioner B, and ax = Lx. Half of a residual is zero after Gauss–Seidel, and not computed.
    void cycle(std::size_t l, const std::vector<double>& b, std::vector<double>& x, std::vector<double>& ax) {
        Level& level = levels_[l];
        const WeightedGraph& graph = *level.graph;
        const int n = graph.size();
        if (l + 1 == levels_.size()) {
            coarsest_->solve(b.data(), x.data());
            ax = b;
            return;
        }
        const int *start = graph.start.data(), *upper = graph.upper.data(), *neighbour = graph.neighbour.data();
        const double* coupling = graph.coupling.data();
        for (int i = 0; i < n; ++i) {
            double sum = b[i];
            for (int k = start[i]; k < upper[i]; ++k) sum += coupling[k] * x[neighbour[k]];
            x[i] = sum * level.inverse[i];
        }
        Level& coarse = levels_[l + 1];
        std::fill(coarse.b.begin(), coarse.b.end(), 0.0);
        for (int i = 0; i < n; ++i) {
            double sum = 0.0;
            for (int k = upper[i]; k < start[i + 1]; ++k) sum += coupling[k] * x[neighbour[k]];
            coarse.b[level.aggregate[i]] += sum;
        }
        k_cycle(l + 1);
        for (int i = 0; i < n; ++i) x[i] += coarse.x[level.aggregate[i]];
        for (int i = n - 1; i >= 0; --i) {
            double sum = b[i];
            for (int k = start[i]; k < start[i + 1]; ++k) sum += coupling[k] * x[neighbour[k]];
            const double value = sum * level.inverse[i];
            level.change[i] = value - x[i];
            x[i] = value;
        }
        for (int i = 0; i < n; ++i) {
            double sum = b[i];
            for (int k = start[i]; k < upper[i]; ++k) sum -= coupling[k] * level.change[neighbour[k]];
            ax[i] = sum;
        }
    }

    // Two steps of flexible conjugate gradients for Lx = b on a coarse level.
    void k_cycle(std::size_t l) {
        Level& level = levels_[l];
        if (l + 1 == levels_.size()) {
            coarsest_->solve(level.b.data(), level.x.data());
            return;
        }
        const std::size_t n = level.b.size();
        cycle(l, level.b, level.first, level.a_first);
        const double rho = dot(level.first, level.a_first);
        if (!(rho > 0.0)) {
            level.x = level.first;
            return;
        }
        const double alpha = dot(level.first, level.b) / rho;
        for (std::size_t i = 0; i < n; ++i) level.b[i] -= alpha * level.a_first[i];
        cycle(l, level.b, level.second, level.a_second);
        const double gamma = dot(level.second, level.a_first), beta = dot(level.second, level.a_second);
        const double rest = beta - gamma * gamma / rho;
        const double second = rest > 0.0 ? dot(level.second, level.b) / rest : 0.0;
        const double first = alpha - gamma * second / rho;
        for (std::size_t i = 0; i < n; ++i) level.x[i] = first * level.first[i] + second * level.second[i];
    }
};

}  // namespace diracs
