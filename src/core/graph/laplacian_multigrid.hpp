// Conjugate gradients for a graph Laplacian, preconditioned by multigrid on aggregates with a K-cycle (Y. Notay, "An
// aggregation-based algebraic multigrid method", ETNA 2010): on each coarse level two steps of conjugate gradients,
// preconditioned in the same way. Smoothing is by Gauss–Seidel in each chunk of vertices, with the values before in all
// others, forwards before and backwards after: M + Mᵀ − L is the diagonal and the couplings between chunks, hence positive,
// so that this never diverges.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "graph/aggregation.hpp"
#include "graph/laplacian_direct.hpp"
#include "graph/weighted_graph.hpp"
#include "numeric/chunks.hpp"
#include "numeric/interrupt.hpp"
#include "numeric/uninitialized.hpp"

namespace diracs {

// What a solver reached: the residual is |D^{-1/2}(b − Lx)| / |D^{-1/2} b|.
struct Convergence {
    int iterations = 0;
    double residual = 0.0;
};

class LaplacianMultigrid {
public:
    LaplacianMultigrid(const WeightedGraph& graph, const Places& drawn, int threads) : threads_(threads) {
        levels_.emplace_back(graph, threads);
        Places coarse_places(0, drawn.width);
        const Places* places = &drawn;
        while (levels_.back().graph->size() > kCoarsest) {
            const WeightedGraph& fine = *levels_.back().graph;
            Aggregates first = pairs(fine, kWorst, threads);
            const WeightedGraph middle = coarse_graph(fine, first, threads);
            const Aggregates second = pairs(middle, kWorst, threads);
            if (second.count() > kShrink * fine.size()) break;
            for_chunks(fine.size(), threads, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) first.of[i] = second.of[first.of[i]];
            });
            Aggregates both(std::move(first.of), second.count());
            // A coarse vertex lies where the first vertex of its aggregate does.
            Places fewer(both.count(), places->width);
            for (int a = 0; a < both.count(); ++a) {
                std::copy_n((*places)[both.members[both.begin[a]]], places->width, fewer[a]);
            }
            coarse_places = std::move(fewer);
            places = &coarse_places;
            levels_.back().aggregates = std::make_unique<Aggregates>(std::move(both));
            auto coarse = std::make_unique<WeightedGraph>(coarse_graph(middle, second, threads));
            levels_.emplace_back(*coarse, threads);
            levels_.back().prepare();
            owned_.push_back(std::move(coarse));
        }
        const WeightedGraph& last = *levels_.back().graph;
        coarsest_ = std::make_unique<LaplacianFactor>(last, *places, Components(last, threads), threads, kNoLimit);
    }

    // Flexible conjugate gradients from x = 0, for a b that sums to zero on every component.
    Convergence solve(const RawVector<double>& b, double tolerance, int most, RawVector<double>& x) {
        const RawVector<double>& diagonal = levels_[0].graph->diagonal;
        const std::size_t n = b.size();
        RawVector<double> r(n), z(n), az(n), p(n), q(n);
        x.resize(n);
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                r[i] = b[i];
                x[i] = p[i] = q[i] = 0.0;
            }
        });
        const double start = scaled_norm(r, diagonal, threads_);
        Convergence reached{0, start > 0.0 ? 1.0 : 0.0};
        double pq = 1.0;
        while (reached.residual > tolerance && reached.iterations < most) {
            poll_interrupt();
            cycle(0, r, z, az);
            const double beta = reached.iterations > 0 ? -dot(z, q) / pq : 0.0;
            const auto sums = sum_chunks<2>(n, threads_, [&](std::size_t begin, std::size_t end, auto& own) {
                for (std::size_t i = begin; i < end; ++i) {
                    p[i] = z[i] + beta * p[i];
                    q[i] = az[i] + beta * q[i];
                    own[0] += p[i] * r[i];
                    own[1] += p[i] * q[i];
                }
            });
            pq = sums[1];
            if (!(pq > 0.0)) break;
            const double step = sums[0] / pq;
            const auto square = sum_chunks<1>(n, threads_, [&](std::size_t begin, std::size_t end, auto& own) {
                for (std::size_t i = begin; i < end; ++i) {
                    x[i] += step * p[i];
                    r[i] -= step * q[i];
                    own[0] += r[i] * r[i] / diagonal[i];
                }
            });
            ++reached.iterations;
            reached.residual = std::sqrt(square[0]) / start;
            if (!std::isfinite(reached.residual)) break;
        }
        return reached;
    }

    static double scaled_norm(const RawVector<double>& r, const RawVector<double>& diagonal, int threads) {
        const auto square = sum_chunks<1>(r.size(), threads, [&](std::size_t begin, std::size_t end, auto& own) {
            for (std::size_t i = begin; i < end; ++i) own[0] += r[i] * r[i] / diagonal[i];
        });
        return std::sqrt(square[0]);
    }

private:
    static constexpr int kCoarsest = 600;
    static constexpr double kWorst = 8.0, kShrink = 0.8;

    struct Level {
        const WeightedGraph* graph;
        std::unique_ptr<Aggregates> aggregates;                    // none on the last level
        RawVector<double> inverse;                                 // 1/D
        RawVector<double> before;                                  // values before the second smoothing
        RawVector<double> b, x, first, a_first, second, a_second;  // of the K-cycle, on coarse levels

        Level(const WeightedGraph& g, int threads) : graph(&g), inverse(g.size()), before(g.size()) {
            for_chunks(g.size(), threads, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) inverse[i] = g.diagonal[i] > 0.0 ? 1.0 / g.diagonal[i] : 0.0;
            });
        }

        void prepare() {
            for (auto* v : {&b, &x, &first, &a_first, &second, &a_second}) v->resize(inverse.size());
        }
    };

    // A row, its neighbours in its own chunk [inner, outer), of which those from `upper` on are above it.
    struct Row {
        int start, inner, upper, outer, end;

        Row(const WeightedGraph& graph, std::size_t i, std::size_t first, std::size_t last)
            : start(graph.start[i]), inner(start), upper(graph.upper[i]), outer(graph.start[i + 1]), end(outer) {
            while (inner < upper && graph.neighbour[inner] < static_cast<int>(first)) ++inner;
            while (outer > upper && graph.neighbour[outer - 1] >= static_cast<int>(last)) --outer;
        }
    };

    int threads_;
    std::vector<Level> levels_;
    std::vector<std::unique_ptr<WeightedGraph>> owned_;
    std::unique_ptr<LaplacianFactor> coarsest_;

    double dot(const RawVector<double>& a, const RawVector<double>& b) const {
        return sum_chunks<1>(a.size(), threads_, [&](std::size_t begin, std::size_t end, auto& own) {
            for (std::size_t i = begin; i < end; ++i) own[0] += a[i] * b[i];
        })[0];
    }

    // Σ c x over the neighbours [first, last).
    static double weighed(const WeightedGraph& graph, int first, int last, const double* x) {
        double sum = 0.0;
        for (int k = first; k < last; ++k) sum += graph.coupling[k] * x[graph.neighbour[k]];
        return sum;
    }

    // x = Bb with the preconditioner B, and ax = Lx. What a smoothing leaves of the residual is due to the values that it
    // had from before: below Σ c x over neighbours that come later or are in other chunks.
    void cycle(std::size_t l, const RawVector<double>& b, RawVector<double>& x, RawVector<double>& ax) {
        Level& level = levels_[l];
        const WeightedGraph& graph = *level.graph;
        const std::size_t n = graph.size();
        if (l + 1 == levels_.size()) {
            coarsest_->solve(b.data(), x.data());
            ax = b;
            return;
        }
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                const Row row(graph, i, begin, end);
                x[i] = (b[i] + weighed(graph, row.inner, row.upper, x.data())) * level.inverse[i];
            }
        });
        Level& coarse = levels_[l + 1];
        const Aggregates& aggregates = *level.aggregates;
        for_chunks(aggregates.count(), threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t a = begin; a < end; ++a) {
                double sum = 0.0;
                for (int s = aggregates.begin[a]; s < aggregates.begin[a + 1]; ++s) {
                    const std::size_t i = aggregates.members[s], first = i / kChunkSize * kChunkSize;
                    const Row row(graph, i, first, first + kChunkSize);
                    sum +=
                        weighed(graph, row.start, row.inner, x.data()) + weighed(graph, row.upper, row.end, x.data());
                }
                coarse.b[a] = sum;
            }
        });
        k_cycle(l + 1);
        RawVector<double>& before = level.before;
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) x[i] = before[i] = x[i] + coarse.x[aggregates.of[i]];
        });
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = end; i-- > begin;) {
                const Row row(graph, i, begin, end);
                const double sum = weighed(graph, row.start, row.inner, before.data()) +
                                   weighed(graph, row.inner, row.outer, x.data()) +
                                   weighed(graph, row.outer, row.end, before.data());
                x[i] = (b[i] + sum) * level.inverse[i];
            }
        });
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            const auto changed = [&](int first, int last) {
                double sum = 0.0;
                for (int k = first; k < last; ++k) {
                    const int j = graph.neighbour[k];
                    sum += graph.coupling[k] * (x[j] - before[j]);
                }
                return sum;
            };
            for (std::size_t i = begin; i < end; ++i) {
                const Row row(graph, i, begin, end);
                ax[i] = b[i] - changed(row.start, row.upper) - changed(row.outer, row.end);
            }
        });
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
        const auto [rho, along] = sum_chunks<2>(n, threads_, [&](std::size_t begin, std::size_t end, auto& own) {
            for (std::size_t i = begin; i < end; ++i) {
                own[0] += level.first[i] * level.a_first[i];
                own[1] += level.first[i] * level.b[i];
            }
        });
        if (!(rho > 0.0)) {
            level.x = level.first;
            return;
        }
        const double alpha = along / rho;
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) level.b[i] -= alpha * level.a_first[i];
        });
        cycle(l, level.b, level.second, level.a_second);
        const auto sums = sum_chunks<3>(n, threads_, [&](std::size_t begin, std::size_t end, auto& own) {
            for (std::size_t i = begin; i < end; ++i) {
                own[0] += level.second[i] * level.a_first[i];
                own[1] += level.second[i] * level.a_second[i];
                own[2] += level.second[i] * level.b[i];
            }
        });
        const double gamma = sums[0], rest = sums[1] - gamma * gamma / rho;
        const double second = rest > 0.0 ? sums[2] / rest : 0.0, first = alpha - gamma * second / rho;
        for_chunks(n, threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) level.x[i] = first * level.first[i] + second * level.second[i];
        });
    }
};

}  // namespace diracs
