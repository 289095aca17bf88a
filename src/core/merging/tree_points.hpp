// Weighted points of few dimensions: Lloyd's steps by filtering centres down a k-d tree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "numeric/parallel.hpp"
#include "merging/candidates.hpp"
#include "merging/point_tree.hpp"
#include "merging/weighted_points.hpp"

namespace diracs {

// Points [0, count) by coordinates, `stride` apart, against one centre.
template <int D>
DIRACS_WIDE void compare(const double* DIRACS_RESTRICT x, std::size_t stride, std::size_t count,
                         const double* DIRACS_RESTRICT y, double name, double* DIRACS_RESTRICT square,
                         double* DIRACS_RESTRICT label) {
    for (std::size_t i = 0; i < count; ++i) {
        double sum = 0.0;
        for (int k = 0; k < D; ++k) {
            const double u = x[k * stride + i] - y[k];
            sum += u * u;
        }
        label[i] = sum < square[i] ? name : label[i];
        square[i] = sum < square[i] ? sum : square[i];
    }
}

template <int D>
DIRACS_WIDE void compare_two(const double* DIRACS_RESTRICT x, std::size_t stride, std::size_t count,
                             const double* DIRACS_RESTRICT y, double name, double* DIRACS_RESTRICT square,
                             double* DIRACS_RESTRICT label, double* DIRACS_RESTRICT further,
                             double* DIRACS_RESTRICT other) {
    for (std::size_t i = 0; i < count; ++i) {
        double sum = 0.0;
        for (int k = 0; k < D; ++k) {
            const double u = x[k * stride + i] - y[k];
            sum += u * u;
        }
        const bool first = sum < square[i], second = sum < further[i];
        other[i] = first ? label[i] : second ? name : other[i];
        further[i] = first ? square[i] : second ? sum : further[i];
        label[i] = first ? name : label[i];
        square[i] = first ? sum : square[i];
    }
}

template <int D>
class TreePoints final : public WeightedPoints {
public:
    TreePoints(const double* points, const double* masses, const double* spreads, std::size_t n, int threads)
        : tree_(points, masses, spreads, n, threads) {
        for (const std::size_t branch : tree_.branches()) {
            first_.push_back(parts_.size());
            part(branch);
        }
        first_.push_back(parts_.size());
    }

    int dimension() const override { return D; }
    std::size_t size() const override { return tree_.size(); }
    const PointTree<D>& tree() const { return tree_; }

    void group(const double* centres, std::size_t n, int threads, Groups& groups) override {
        const Candidates<D> all = listed(centres, n);
        parallel_for(tree_.branches().size(), 1, threads, [&] {
            return [&, walk = Walk(*this, nullptr)](std::size_t begin, std::size_t end) mutable {
                for (std::size_t b = begin; b < end; ++b) {
                    walk.next = first_[b];
                    walk.enter(tree_.branches()[b], all, 0);
                }
            };
        });
        groups.reset(n, D);
        for (const Part& part : parts_) {
            for (std::size_t j = 0; j < part.names.size(); ++j) {
                const std::size_t i = part.names[j];
                const double* sums = part.sums.data() + (D + 2) * j;
                groups.mass[i] += sums[0];
                groups.cost[i] += sums[1];
                for (int k = 0; k < D; ++k) groups.first[D * i + k] += sums[2 + k];
            }
        }
    }

    void nearest(const double* centres, std::size_t n, bool both, int threads, NearestCentres& found) const override {
        const Candidates<D> all = listed(centres, n);
        found.label.resize(size());
        found.square.resize(size());
        if (both) {
            found.other.resize(size());
            found.further.resize(size());
        }
        parallel_for(tree_.branches().size(), 1, threads, [&] {
            return [&, walk = Search(tree_, found, both)](std::size_t begin, std::size_t end) mutable {
                for (std::size_t b = begin; b < end; ++b) walk.enter(tree_.branches()[b], all, 0);
            };
        });
    }

private:
    // A part of the tree keeps its sums as long as the centres that it may meet stay where they are.
    struct Part {
        std::size_t node;
        std::vector<int> names;
        std::vector<double> y, sums;  // (K, D), (K, D + 2): mass, cost, first moment
    };
    static constexpr std::size_t kPart = D <= 2 ? 256 : 512;

    PointTree<D> tree_;
    std::vector<Part> parts_;
    std::vector<std::size_t> first_;  // of each branch

    void part(std::size_t index) {
        const TreeNode<D>& node = tree_.nodes()[index];
        if (!node.right || node.end - node.begin <= kPart) {
            parts_.push_back({index, {}, {}, {}});
            return;
        }
        part(index + 1);
        part(node.right);
    }

    static Candidates<D> listed(const double* centres, std::size_t n) {
        Candidates<D> all;
        all.reserve(n);
        for (std::size_t j = 0; j < n; ++j) {
            for (int k = 0; k < D; ++k) all.y[k * all.stride + j] = centres[D * j + k];
            all.place[j] = static_cast<int>(j);
        }
        all.count = n;
        return all;
    }

    // One thread's way down.
    struct Walk {
        TreePoints& points;
        Part* part;
        std::vector<Candidates<D>> levels;
        std::vector<double> work, square, label;
        std::size_t next = 0;

        Walk(TreePoints& points, Part* part)
            : points(points), part(part), levels(64), square(PointTree<D>::kLeaf), label(PointTree<D>::kLeaf) {}

        // To a node, with the candidates of the one above.
        void enter(std::size_t index, const Candidates<D>& outer, std::size_t depth) {
            const TreeNode<D>& node = points.tree_.nodes()[index];
            Candidates<D>& here = levels[depth];
            narrow<D>(outer, node.low, node.high, work, here);
            if (part == nullptr && points.parts_[next].node == index) {
                part = &points.parts_[next++];
                if (changed(here)) {
                    for (std::size_t j = 0; j < here.count; ++j) here.place[j] = static_cast<int>(j);
                    inside(node, index, depth);
                }
                part = nullptr;
                return;
            }
            inside(node, index, depth);
        }

        void inside(const TreeNode<D>& node, std::size_t index, std::size_t depth) {
            const Candidates<D>& here = levels[depth];
            if (part != nullptr && here.count == 1) {
                add(here.place[0], node);
            } else if (node.right) {
                enter(index + 1, here, depth + 1);
                enter(node.right, here, depth + 1);
            } else {
                compare_all(node, here);
            }
        }

        bool changed(const Candidates<D>& here) {
            bool same = part->names.size() == here.count;
            for (std::size_t j = 0; same && j < here.count; ++j) {
                same = part->names[j] == here.place[j];
                for (int k = 0; same && k < D; ++k) same = part->y[D * j + k] == here.y[k * here.stride + j];
            }
            if (same) return false;
            part->names.assign(here.place.begin(), here.place.begin() + here.count);
            part->y.resize(D * here.count);
            for (std::size_t j = 0; j < here.count; ++j) {
                for (int k = 0; k < D; ++k) part->y[D * j + k] = here.y[k * here.stride + j];
            }
            part->sums.assign((D + 2) * here.count, 0.0);
            return true;
        }

        void add(int j, const TreeNode<D>& node) {
            double *sums = part->sums.data() + (D + 2) * j, square = 0.0;
            for (int k = 0; k < D; ++k) {
                const double u = node.mean[k] - part->y[D * j + k];
                square += u * u;
                sums[2 + k] += node.mass * node.mean[k];
            }
            sums[0] += node.mass;
            sums[1] += node.inertia + node.mass * square;
        }

        void compare_all(const TreeNode<D>& node, const Candidates<D>& here) {
            const std::size_t count = node.end - node.begin;
            std::fill(square.begin(), square.begin() + count, std::numeric_limits<double>::infinity());
            double y[D];
            for (std::size_t j = 0; j < here.count; ++j) {
                for (int k = 0; k < D; ++k) y[k] = here.y[k * here.stride + j];
                compare<D>(points.tree_.x(0, node.begin), points.size(), count, y, here.place[j], square.data(),
                           label.data());
            }
            for (std::size_t i = 0; i < count; ++i) {
                double* sums = part->sums.data() + (D + 2) * static_cast<std::size_t>(label[i]);
                const double mass = points.tree_.mass(node.begin + i);
                sums[0] += mass;
                sums[1] += mass * square[i];
                for (int k = 0; k < D; ++k) sums[2 + k] += mass * *points.tree_.x(k, node.begin + i);
            }
        }
    };

    struct Search {
        const PointTree<D>& tree;
        NearestCentres& found;
        bool both;
        std::vector<Candidates<D>> levels;
        std::vector<double> work, square, label, further, other;

        Search(const PointTree<D>& tree, NearestCentres& found, bool both)
            : tree(tree),
              found(found),
              both(both),
              levels(64),
              square(PointTree<D>::kLeaf),
              label(square),
              further(square),
              other(square) {}

        void enter(std::size_t index, const Candidates<D>& outer, std::size_t depth) {
            const TreeNode<D>& node = tree.nodes()[index];
            Candidates<D>& here = levels[depth];
            both ? narrow_to_two<D>(outer, node.low, node.high, work, here)
                 : narrow<D>(outer, node.low, node.high, work, here);
            if (node.right) {
                enter(index + 1, here, depth + 1);
                enter(node.right, here, depth + 1);
                return;
            }
            const std::size_t count = node.end - node.begin;
            for (std::size_t i = 0; i < count; ++i) {
                square[i] = further[i] = std::numeric_limits<double>::infinity();
                label[i] = other[i] = -1.0;
            }
            double y[D];
            for (std::size_t j = 0; j < here.count; ++j) {
                for (int k = 0; k < D; ++k) y[k] = here.y[k * here.stride + j];
                const double *x = tree.x(0, node.begin), name = here.place[j];
                both ? compare_two<D>(x, tree.size(), count, y, name, square.data(), label.data(), further.data(),
                                      other.data())
                     : compare<D>(x, tree.size(), count, y, name, square.data(), label.data());
            }
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t at = tree.order()[node.begin + i];
                found.label[at] = static_cast<int>(label[i]);
                found.square[at] = square[i];
                if (both) {
                    found.other[at] = static_cast<int>(other[i]);
                    found.further[at] = further[i];
                }
            }
        }
    };
};

}  // namespace diracs
