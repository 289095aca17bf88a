// A balanced k-d tree of weighted points with the moments of its nodes (J. Bentley 1975): nodes in preorder, the points of
// each node in one run, by coordinates.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "numeric/parallel.hpp"

namespace diracs {

template <int D>
struct TreeNode {
    double low[D], high[D], mean[D];
    double mass, inertia, spread;   // Σ m, Σ m |x − mean|², Σ v
    std::size_t begin, end, right;  // points, and the second child; 0 for a leaf (the first child comes next)
};

template <int D>
class PointTree {
public:
    static constexpr std::size_t kLeaf = D <= 2 ? 16 : 32;
    // Nodes that threads take as wholes.
    static constexpr std::size_t kBranches = 64;

    PointTree(const double* points, const double* masses, const double* spreads, std::size_t n, int threads) : n_(n) {
        std::vector<Row> rows(n);
        for (std::size_t i = 0; i < n; ++i) {
            for (int k = 0; k < D; ++k) rows[i].x[k] = points[D * i + k];
            rows[i].index = static_cast<int>(i);
        }
        nodes_.resize(count(n));
        largest_ = std::max(kLeaf, (n + kBranches - 1) / kBranches);
        split(rows, 0, 0, n, true);
        parallel_for(branches_.size(), 1, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t b = begin; b < end; ++b) {
                    const Node& node = nodes_[branches_[b]];
                    split(rows, branches_[b], node.begin, node.end, false);
                }
            };
        });
        order_.resize(n);
        mass_.resize(n);
        spread_.resize(n);
        x_.resize(D * n);
        for (std::size_t i = 0; i < n; ++i) {
            order_[i] = rows[i].index;
            mass_[i] = masses[rows[i].index];
            spread_[i] = spreads[rows[i].index];
            for (int k = 0; k < D; ++k) x_[k * n + i] = rows[i].x[k];
        }
        // Children come after their parents.
        for (std::size_t i = nodes_.size(); i-- > 0;) measure(nodes_[i], i);
    }

    using Node = TreeNode<D>;
    std::size_t size() const { return n_; }
    const std::vector<Node>& nodes() const { return nodes_; }
    const std::vector<std::size_t>& branches() const { return branches_; }
    const std::vector<int>& order() const { return order_; }
    // The k-th coordinates of the points, from the i-th on.
    const double* x(int k, std::size_t i) const { return x_.data() + static_cast<std::size_t>(k) * n_ + i; }
    double mass(std::size_t i) const { return mass_[i]; }

private:
    struct Row {
        double x[D];
        int index;
    };

    std::size_t n_, largest_ = 0;
    std::vector<Node> nodes_;
    std::vector<std::size_t> branches_;
    std::vector<int> order_;
    std::vector<double> mass_, spread_, x_;
    std::map<std::size_t, std::size_t> counts_;

    // Nodes of a tree of so many points. Halves differ by one, so that few numbers occur.
    std::size_t count(std::size_t n) {
        if (n <= kLeaf) return 1;
        const auto known = counts_.find(n);
        if (known != counts_.end()) return known->second;
        const std::size_t nodes = 1 + count(n / 2) + count(n - n / 2);
        counts_.emplace(n, nodes);
        return nodes;
    }

    std::size_t counted(std::size_t n) const { return n <= kLeaf ? 1 : counts_.at(n); }

    // Splits the rows below a node; of the `upper` nodes down to the branches only.
    void split(std::vector<Row>& rows, std::size_t index, std::size_t begin, std::size_t end, bool upper) {
        Node& node = nodes_[index];
        for (int k = 0; k < D; ++k) {
            double low = rows[begin].x[k], high = low;
            for (std::size_t i = begin + 1; i < end; ++i) {
                low = std::min(low, rows[i].x[k]);
                high = std::max(high, rows[i].x[k]);
            }
            node.low[k] = low;
            node.high[k] = high;
        }
        node.begin = begin;
        node.end = end;
        node.right = 0;
        if (upper && end - begin <= largest_) {
            branches_.push_back(index);
            return;
        }
        if (end - begin <= kLeaf) return;
        int widest = 0;
        for (int k = 1; k < D; ++k) {
            if (node.high[k] - node.low[k] > node.high[widest] - node.low[widest]) widest = k;
        }
        const std::size_t half = (end - begin) / 2, middle = begin + half;
        const auto by_coordinate = [widest](const Row& a, const Row& b) {
            return a.x[widest] != b.x[widest] ? a.x[widest] < b.x[widest] : a.index < b.index;
        };
        std::nth_element(rows.begin() + begin, rows.begin() + middle, rows.begin() + end, by_coordinate);
        node.right = index + 1 + counted(half);
        const std::size_t right = node.right;
        split(rows, index + 1, begin, middle, upper);
        split(rows, right, middle, end, upper);
    }

    void measure(Node& node, std::size_t index) const {
        node.mass = node.inertia = node.spread = 0.0;
        for (int k = 0; k < D; ++k) node.mean[k] = 0.0;
        if (node.right) {
            const Node &a = nodes_[index + 1], &b = nodes_[node.right];
            node.mass = a.mass + b.mass;
            node.spread = a.spread + b.spread;
            const double share = node.mass > 0.0 ? b.mass / node.mass : 0.5;
            double square = 0.0;
            for (int k = 0; k < D; ++k) {
                const double gap = b.mean[k] - a.mean[k];
                node.mean[k] = a.mean[k] + share * gap;
                square += gap * gap;
            }
            node.inertia = a.inertia + b.inertia + a.mass * share * square;
            return;
        }
        for (std::size_t i = node.begin; i < node.end; ++i) {
            node.mass += mass_[i];
            node.spread += spread_[i];
        }
        for (int k = 0; k < D; ++k) {
            const double* x = this->x(k, 0);
            double sum = 0.0;
            for (std::size_t i = node.begin; i < node.end; ++i) sum += mass_[i] * (x[i] - node.low[k]);
            node.mean[k] = node.low[k] + (node.mass > 0.0 ? sum / node.mass : 0.0);
            for (std::size_t i = node.begin; i < node.end; ++i) {
                const double u = x[i] - node.mean[k];
                node.inertia += mass_[i] * u * u;
            }
        }
    }
};

}  // namespace diracs
