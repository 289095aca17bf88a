// L = (I − U) D (I − U)ᵀ for a graph Laplacian, by a multifrontal elimination (I. Duff, J. Reid 1983).
// Eliminating vertex v joins each pair of its neighbours by a coupling c_vi c_vj / Σ c_v. Pivots are summed from the
// couplings left and never subtracted from (W. Grassmann, M. Taksar, D. Heyman 1985): every entry keeps its relative
// accuracy, whatever the range of the couplings, and no scaling is needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "dense_update.hpp"
#include "nested_dissection.hpp"
#include "weighted_graph.hpp"

namespace diracs {

class LaplacianFactor {
public:
    LaplacianFactor(const WeightedGraph& graph, const std::vector<Vec2>& positions)
        : LaplacianFactor(graph, positions, Components(graph)) {}

    LaplacianFactor(const WeightedGraph& graph, const std::vector<Vec2>& positions, const Components& components)
        : order_(NestedDissection(graph, positions, components).take()), place_(graph.size()), work_(graph.size()) {
        for (int k = 0; k < graph.size(); ++k) place_[order_.vertices[k]] = k;
        analyse(graph);
        eliminate(graph);
    }

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
    // Pivots first, first + 1, …, and the later vertices that they are joined to. Columns of U are stored with all rows.
    struct Front {
        int first, pivots, border, parent;
        std::size_t border_begin, panel;

        int rows() const { return pivots + border; }
    };

    EliminationOrder order_;
    std::vector<int> place_;  // of each vertex in the order
    std::vector<Front> fronts_;
    std::vector<int> borders_;
    std::vector<double> factor_, pivot_;
    std::vector<double> work_, gathered_;

    // Borders of all fronts and the tree of fronts: the parent holds the first vertex of the border.
    void analyse(const WeightedGraph& graph) {
        const int n = graph.size(), count = static_cast<int>(order_.front_begin.size()) - 1;
        std::vector<int> front_of(n), mark(n, -1), child(count, -1), sibling(count, -1);
        fronts_.resize(count);
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
            for (int c = child[f]; c >= 0; c = sibling[c]) {
                const std::size_t begin = fronts_[c].border_begin;
                for (int r = 0; r < fronts_[c].border; ++r) add(borders_[begin + r]);
            }
            std::sort(borders_.begin() + static_cast<std::ptrdiff_t>(front.border_begin), borders_.end());
            front.border = static_cast<int>(borders_.size() - front.border_begin);
            front.parent = front.border > 0 ? front_of[borders_[front.border_begin]] : -1;
            if (front.parent >= 0) {
                sibling[f] = child[front.parent];
                child[front.parent] = f;
            }
            front.panel = panel;
            panel += static_cast<std::size_t>(front.pivots) * front.rows();
        }
        factor_.assign(panel, 0.0);
        pivot_.assign(n, 0.0);
    }

    void eliminate(const WeightedGraph& graph) {
        const int n = graph.size(), count = static_cast<int>(fronts_.size());
        std::vector<std::vector<double>> updates(count);
        std::vector<std::vector<int>> children(count);
        std::vector<int> local(n, 0), target;
        std::vector<double> scratch;
        for (int f = 0; f < count; ++f) {
            const Front& front = fronts_[f];
            const int rows = front.rows(), pivots = front.pivots, border = front.border;
            double* const panel = factor_.data() + front.panel;
            updates[f].assign(static_cast<std::size_t>(border) * border, 0.0);
            double* const update = updates[f].data();
            for (int k = 0; k < pivots; ++k) local[front.first + k] = k;
            for (int r = 0; r < border; ++r) local[borders_[front.border_begin + r]] = pivots + r;
            for (int k = 0; k < pivots; ++k) {
                const int v = order_.vertices[front.first + k];
                for (int e = graph.start[v]; e < graph.start[v + 1]; ++e) {
                    const int place = place_[graph.neighbour[e]];
                    if (place > front.first + k) panel[static_cast<std::size_t>(k) * rows + local[place]] = graph.coupling[e];
                }
            }
            for (const int c : children[f]) {
                const Front& child = fronts_[c];
                target.resize(child.border);
                for (int r = 0; r < child.border; ++r) target[r] = local[borders_[child.border_begin + r]];
                for (int a = 0; a < child.border; ++a) {
                    const double* const from = updates[c].data() + static_cast<std::size_t>(a) * child.border;
                    double* const to = target[a] < pivots
                                           ? panel + static_cast<std::size_t>(target[a]) * rows
                                           : update + static_cast<std::size_t>(target[a] - pivots) * border - pivots;
                    for (int b = a + 1; b < child.border; ++b) to[target[b]] += from[b];
                }
                std::vector<double>().swap(updates[c]);
            }
            std::vector<int>().swap(children[f]);
            eliminate_pivots(panel, rows, pivots, pivot_.data() + front.first, update, scratch);
            if (front.parent >= 0) children[front.parent].push_back(f);
        }
    }

    // Leaves the columns of U in the panel, and in `update` the couplings that are added among the border.
    static void eliminate_pivots(double* panel, int rows, int pivots, double* pivot, double* update,
                                 std::vector<double>& scratch) {
        constexpr int kBlock = 32;
        for (int begin = 0; begin < pivots; begin += kBlock) {
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
                add_symmetric_product(panel + static_cast<std::size_t>(end) * rows + end, rows, block + end, rows, rows - end,
                                      pivots - end, end - begin, pivot + begin, scratch);
            }
            const int border = rows - pivots;
            add_symmetric_product(update, border, block + pivots, rows, border, border, end - begin, pivot + begin, scratch);
        }
    }
};

}  // namespace diracs
