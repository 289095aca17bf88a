// Laplacian systems of diagrams whose parts may be coupled with each other by next to nothing, each with just the mass of its
// cells: rounding in their balances would move their weights against each other by anything.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "graph/laplacian_solve.hpp"
#include "plane/moments.hpp"

namespace diracs {

class BalancedParts {
public:
    // A coupling of a share of 1e-11 of what else its ends are coupled by is as good as none.
    BalancedParts(std::size_t n, const Couplings& edges) : edges_(edges), label_(n) {
        std::vector<double> diagonal(n, 0.0);
        for (std::size_t e = 0; e < edges.i.size(); ++e) {
            diagonal[edges.i[e]] += edges.strength[e];
            diagonal[edges.j[e]] += edges.strength[e];
        }
        const auto strong = [&](std::size_t e) {
            return edges.strength[e] > kWeak * std::min(diagonal[edges.i[e]], diagonal[edges.j[e]]);
        };
        bool all = true;
        for (std::size_t e = 0; e < edges.i.size(); ++e) all = all && strong(e);
        if (all) {
            count_ = 1;
            return;
        }
        std::vector<int> parent(n);
        std::iota(parent.begin(), parent.end(), 0);
        const auto root = [&](int v) {
            while (parent[v] != v) v = parent[v] = parent[parent[v]];
            return v;
        };
        for (std::size_t e = 0; e < edges.i.size(); ++e) {
            if (strong(e)) parent[root(edges.i[e])] = root(edges.j[e]);
        }
        std::vector<int> number(n, -1);
        for (std::size_t v = 0; v < n; ++v) {
            int& own = number[root(static_cast<int>(v))];
            if (own < 0) own = count_++;
            label_[v] = own;
        }
    }

    int label(std::size_t v) const { return label_[v]; }

    // Of values (n,), for each part.
    template <class Values>
    std::vector<double> sums(const Values& values) const {
        std::vector<double> result(count_, 0.0);
        for (std::size_t v = 0; v < label_.size(); ++v) result[label_[v]] += values(v);
        return result;
    }

    // Changes of the weights (n,) that change masses by rhs, up to `tolerance` relative to it; parts by themselves where all
    // are balanced up to rounding.
    std::vector<double> solve(const std::vector<double>& seeds, std::vector<double> rhs, double tolerance,
                              int threads) const {
        const std::size_t n = label_.size();
        std::vector<double> strength(edges_.strength.begin(), edges_.strength.end()), x(n);
        const std::vector<double> balance = sums([&](std::size_t v) { return rhs[v]; });
        const bool apart = count_ > 1 && std::all_of(balance.begin(), balance.end(),
                                                     [](double b) { return std::abs(b) <= kBalanced; });
        std::vector<double> size;
        if (apart) {
            size = sums([](std::size_t) { return 1.0; });
            for (std::size_t e = 0; e < strength.size(); ++e) {
                if (label_[edges_.i[e]] != label_[edges_.j[e]]) strength[e] = 0.0;
            }
            for (std::size_t v = 0; v < n; ++v) rhs[v] -= balance[label_[v]] / size[label_[v]];
        }
        solve_laplacian(seeds.data(), n, 2, edges_.i.data(), edges_.j.data(), strength.data(), strength.size(),
                        rhs.data(), tolerance, LaplacianMethod::kAuto, threads, x.data());
        if (apart) {
            const std::vector<double> level = sums([&](std::size_t v) { return x[v]; });
            for (std::size_t v = 0; v < n; ++v) x[v] -= level[label_[v]] / size[label_[v]];
        }
        return x;
    }

private:
    static constexpr double kWeak = 1e-11, kBalanced = 1e-14;

    const Couplings& edges_;
    std::vector<int> label_;
    int count_ = 0;
};

}  // namespace diracs
