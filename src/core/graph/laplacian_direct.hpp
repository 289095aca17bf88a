// L = (I − U) D (I − U)ᵀ for a graph Laplacian, by a multifrontal elimination (I. Duff, J. Reid 1983).
// Eliminating vertex v joins each pair of its neighbours by a coupling c_vi c_vj / Σ c_v. Pivots are summed from the
// couplings left and never subtracted from (W. Grassmann, M. Taksar, D. Heyman 1985): every entry keeps its relative
// accuracy, whatever the range of the couplings, and no scaling is needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "numeric/dense_update.hpp"
#include "numeric/interrupt.hpp"
#include "graph/nested_dissection.hpp"
#include "numeric/parallel.hpp"
#include "graph/weighted_graph.hpp"

namespace diracs {

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

class LaplacianFactor {
public:
    // With threads = 0 on all processors. Nothing is eliminated if the factor would have more than `most` entries.
    LaplacianFactor(const WeightedGraph& graph, const Places& places, const Components& components, int threads,
                    std::size_t most)
        : order_(NestedDissection(graph, places, components).take()), place_(graph.size()), work_(graph.size()) {
        for (int k = 0; k < graph.size(); ++k) place_[order_.vertices[k]] = k;
        const std::size_t entries = analyse(graph);
        fits_ = entries <= most;
        if (!fits_) return;
        factor_.assign(entries, 0.0);
        pivot_.assign(graph.size(), 0.0);
        eliminate(graph, threads);
    }

    bool fits() const { return fits_; }

    // Solves Lx = b, zero on the ground of each component; what b lacks in consistency is left to the ground.
    void solve(const double* b, double* x) {
        const int n = static_cast<int>(place_.size());
        for (int k = 0; k < n; ++k) work_[k] = b[order_.vertices[k]];
        for (const Front& front : fronts_) {
            const double* column = factor_.data() + front.panel;
            for (int k = 0; k < front.pivots; ++k, column += front.rows()) {
                const double y = work_[front.first + k];
                double* const own = work_.data() + front.first;
                for (int r = k + 1; r < front.pivots; ++r) own[r] += column[r] * y;
                for (int r = 0; r < front.border; ++r) {
                    work_[borders_[front.border_begin + r]] += column[front.pivots + r] * y;
                }
            }
        }
        for (int k = 0; k < n; ++k) work_[k] = pivot_[k] > 0.0 ? work_[k] / pivot_[k] : 0.0;
        for (std::size_t f = fronts_.size(); f-- > 0;) {
            const Front& front = fronts_[f];
            gathered_.resize(front.border);
            for (int r = 0; r < front.border; ++r) gathered_[r] = work_[borders_[front.border_begin + r]];
            double* const own = work_.data() + front.first;
            for (int k = front.pivots - 1; k >= 0; --k) {
                const double* column = factor_.data() + front.panel + static_cast<std::size_t>(k) * front.rows();
                double sum = own[k];
                for (int r = k + 1; r < front.pivots; ++r) sum += column[r] * own[r];
                for (int r = 0; r < front.border; ++r) sum += column[front.pivots + r] * gathered_[r];
                own[k] = sum;
            }
        }
        for (int k = 0; k < n; ++k) x[order_.vertices[k]] = work_[k];
    }

private:
    // Pivots first, first + 1, … and the later vertices that they are joined to. Columns of U are stored with all rows.
    struct Front {
        int first, pivots, border, parent, child, sibling;
        std::size_t border_begin, panel;

        int rows() const { return pivots + border; }
    };

    // Memory of one thread: places of vertices in a front, of a child's border in its parent, a block of columns.
    struct Scratch {
        std::vector<int> local, target;
        std::vector<double> product;

        explicit Scratch(int size) : local(size, 0) {}
    };

    static constexpr double kWorthThreads = 2e7, kWorthGroups = 4e6, kSubtrees = 32.0;

    EliminationOrder order_;
    std::vector<int> place_;  // of each vertex in the order
    std::vector<Front> fronts_;
    std::vector<int> borders_;
    std::vector<double> factor_, pivot_;
    std::vector<double> work_, gathered_;
    bool fits_ = false;

    // Borders of all fronts and the tree of fronts, where the parent holds the first vertex of the border. Returns the
    // number of entries of all panels.
    std::size_t analyse(const WeightedGraph& graph) {
        const int n = graph.size(), count = static_cast<int>(order_.front_begin.size()) - 1;
        std::vector<int> front_of(n), mark(n, -1);
        fronts_.assign(count, {0, 0, 0, -1, -1, -1, 0, 0});
        std::size_t panel = 0;
        for (int f = 0; f < count; ++f) {
            for (int k = order_.front_begin[f]; k < order_.front_begin[f + 1]; ++k) front_of[k] = f;
        }
        for (int f = 0; f < count; ++f) {
            Front& front = fronts_[f];
            front.first = order_.front_begin[f];
            const int last = order_.front_begin[f + 1];
            front.pivots = last - front.first;
            front.border_begin = borders_.size();
            const auto add = [&](int k) {
                if (k < last || mark[k] == f) return;
                mark[k] = f;
                borders_.push_back(k);
            };
            for (int k = front.first; k < last; ++k) {
                const int v = order_.vertices[k];
                for (int e = graph.start[v]; e < graph.start[v + 1]; ++e) add(place_[graph.neighbour[e]]);
            }
            for (int c = front.child; c >= 0; c = fronts_[c].sibling) {
                const std::size_t begin = fronts_[c].border_begin;
                for (int r = 0; r < fronts_[c].border; ++r) add(borders_[begin + r]);
            }
            std::sort(borders_.begin() + static_cast<std::ptrdiff_t>(front.border_begin), borders_.end());
            front.border = static_cast<int>(borders_.size() - front.border_begin);
            front.parent = front.border > 0 ? front_of[borders_[front.border_begin]] : -1;
            if (front.parent >= 0) {
                front.sibling = fronts_[front.parent].child;
                fronts_[front.parent].child = f;
            }
            front.panel = panel;
            panel += static_cast<std::size_t>(front.pivots) * front.rows();
        }
        return panel;
    }

    // What each front adds to its border, until its parent takes it.
    using Updates = std::vector<std::vector<double>>;

    // Subtrees on several threads, then the fronts above them. Each front adds its children in a fixed order, so that
    // results do not depend on the threads.
    void eliminate(const WeightedGraph& graph, int threads) {
        const int count = static_cast<int>(fronts_.size());
        std::vector<double> work(count, 0.0);
        double total = 0.0;
        for (int f = 0; f < count; ++f) {
            const Front& front = fronts_[f];
            const double own = static_cast<double>(front.pivots) * front.rows() * front.rows();
            total += own;
            work[f] += own;
            if (front.parent >= 0) work[front.parent] += work[f];
        }
        const double most = total > kWorthThreads ? total / kSubtrees : 0.0;
        std::vector<int> subtree(count, -1), begin{0};
        for (int f = count - 1; f >= 0; --f) {
            const int parent = fronts_[f].parent;
            if (parent >= 0 && subtree[parent] >= 0) {
                subtree[f] = subtree[parent];
                ++begin[subtree[f] + 1];
            } else if (work[f] <= most) {
                subtree[f] = static_cast<int>(begin.size()) - 1;
                begin.push_back(1);
            }
        }
        std::partial_sum(begin.begin(), begin.end(), begin.begin());
        std::vector<int> inside(begin.back()), next(begin.begin(), begin.end() - 1);
        for (int f = 0; f < count; ++f) {
            if (subtree[f] >= 0) inside[next[subtree[f]]++] = f;
        }
        Updates updates(count);
        parallel_for(begin.size() - 1, 1, threads, [&] {
            return [&, scratch = Scratch(graph.size())](std::size_t first, std::size_t last) mutable {
                for (int k = begin[first]; k < begin[last]; ++k) {
                    eliminate_front(graph, inside[k], updates, scratch, 1);
                }
            };
        });
        Scratch scratch(graph.size());
        for (int f = 0; f < count; ++f) {
            if (subtree[f] < 0) eliminate_front(graph, f, updates, scratch, threads);
        }
    }

    void eliminate_front(const WeightedGraph& graph, int f, Updates& updates, Scratch& scratch, int threads) {
        const Front& front = fronts_[f];
        const int rows = front.rows(), pivots = front.pivots, border = front.border;
        double* const panel = factor_.data() + front.panel;
        updates[f].assign(static_cast<std::size_t>(border) * border, 0.0);
        double* const update = updates[f].data();
        for (int k = 0; k < pivots; ++k) scratch.local[front.first + k] = k;
        for (int r = 0; r < border; ++r) scratch.local[borders_[front.border_begin + r]] = pivots + r;
        for (int k = 0; k < pivots; ++k) {
            const int v = order_.vertices[front.first + k];
            for (int e = graph.start[v]; e < graph.start[v + 1]; ++e) {
                const int place = place_[graph.neighbour[e]];
                if (place <= front.first + k) continue;
                panel[static_cast<std::size_t>(k) * rows + scratch.local[place]] = graph.coupling[e];
            }
        }
        std::vector<int>& target = scratch.target;
        for (int c = front.child; c >= 0; c = fronts_[c].sibling) {
            const Front& child = fronts_[c];
            target.resize(child.border);
            for (int r = 0; r < child.border; ++r) target[r] = scratch.local[borders_[child.border_begin + r]];
            for (int a = 0; a < child.border; ++a) {
                const double* const from = updates[c].data() + static_cast<std::size_t>(a) * child.border;
                const bool pivot = target[a] < pivots;
                double* const to = pivot ? panel + static_cast<std::size_t>(target[a]) * rows
                                         : update + static_cast<std::size_t>(target[a] - pivots) * border;
                const int shift = pivot ? 0 : pivots;
                for (int b = a + 1; b < child.border; ++b) to[target[b] - shift] += from[b];
            }
            std::vector<double>().swap(updates[c]);
        }
        eliminate_pivots(panel, rows, pivots, pivot_.data() + front.first, update, scratch.product, threads);
    }

    // Leaves the columns of U in the panel, and in `update` the couplings that are added among the border.
    static void eliminate_pivots(double* panel, int rows, int pivots, double* pivot, double* update,
                                 std::vector<double>& scratch, int threads) {
        constexpr int kBlock = 32;
        for (int begin = 0; begin < pivots; begin += kBlock) {
            poll_interrupt();
            const int end = std::min(begin + kBlock, pivots);
            for (int k = begin; k < end; ++k) {
                double* const column = panel + static_cast<std::size_t>(k) * rows;
                double sum = 0.0;
                for (int r = k + 1; r < rows; ++r) sum += column[r];
                pivot[k] = sum;
                if (!(sum > 0.0)) continue;  // a ground: its column is zero
                for (int w = k + 1; w < end; ++w) {
                    const double share = column[w] / sum;
                    if (share == 0.0) continue;
                    double* const other = panel + static_cast<std::size_t>(w) * rows;
                    for (int r = w + 1; r < rows; ++r) other[r] += share * column[r];
                }
                for (int r = k + 1; r < rows; ++r) column[r] /= sum;
            }
            const double* const block = panel + static_cast<std::size_t>(begin) * rows;
            if (end < pivots) {
                double* const later = panel + static_cast<std::size_t>(end) * rows + end;
                add_product(later, rows, block + end, rows, rows - end, pivots - end, end - begin, pivot + begin,
                            scratch, threads);
            }
            const int border = rows - pivots;
            add_product(update, border, block + pivots, rows, border, border, end - begin, pivot + begin, scratch,
                        threads);
        }
    }

    // The product of a large front by groups of columns on several threads.
    static void add_product(double* c, int c_stride, const double* a, int a_stride, int rows, int columns, int k,
                            const double* scale, std::vector<double>& scratch, int threads) {
        constexpr int kGroup = 48;
        if (threads == 1 || static_cast<double>(rows) * columns * k < kWorthGroups) {
            add_symmetric_product(c, c_stride, a, a_stride, rows, columns, k, scale, scratch);
            return;
        }
        parallel_for((columns + kGroup - 1) / kGroup, 1, threads, [&] {
            return [&, own = std::vector<double>()](std::size_t group, std::size_t) mutable {
                const int first = static_cast<int>(group) * kGroup;
                add_symmetric_product(c + static_cast<std::ptrdiff_t>(first) * (c_stride + 1), c_stride, a + first,
                                      a_stride, rows - first, std::min(kGroup, columns - first), k, scale, own);
            };
        });
    }
};

}  // namespace diracs
