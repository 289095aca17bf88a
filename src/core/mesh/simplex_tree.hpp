// A tree of boxes over simplices, each with its moments: what lies in a cell as a whole costs no more than one look.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "mesh/simplex.hpp"

namespace diracs {

// The box of some simplices, which stand together.
template <class Vec>
struct MeshNode {
    Vec low, high;
    double mass;
    Vec center;              // of mass
    double spread;           // second moment about it
    double peak;             // highest density
    double doubt;            // Σ highest density · boundary: what borders that are off by one would hold
    std::size_t begin, end;  // places of the simplices; one if there are no nodes below
    std::size_t next;        // after this node and all below it
};

// `Moments` are CellMoments of the plane or of space.
template <class Vec, class Moments>
class SimplexTree {
public:
    static constexpr int kCorners = Simplex<Vec>::kCorners;

    // densities[(d + 1) s + k] ≥ 0 at corner k of simplex s. Simplices without volume or density hold nothing.
    SimplexTree(const double* vertices, const int* corners, const double* densities, std::size_t count) {
        constexpr int d = kDimension<Vec>;
        for (std::size_t s = 0; s < count; ++s) {
            Simplex<Vec> simplex;
            for (int k = 0; k < kCorners; ++k) {
                simplex.corner[k] = vector<Vec>(vertices + std::ptrdiff_t(d) * corners[kCorners * s + k]);
                simplex.density[k] = densities[kCorners * s + k];
            }
            simplex.number = s;
            simplex.volume = signed_volume(simplex.corner);
            simplex.turned = simplex.volume < 0.0;
            if (simplex.turned) {
                std::swap(simplex.corner[0], simplex.corner[1]);
                std::swap(simplex.density[0], simplex.density[1]);
                simplex.volume = signed_volume(simplex.corner);
            }
            if (simplex.volume > 0.0 && simplex.peak() > 0.0) simplices_.push_back(simplex);
        }
        nodes_.reserve(2 * simplices_.size());
        if (!simplices_.empty()) build(0, simplices_.size());
    }

    const Simplex<Vec>& simplex(std::size_t place) const { return simplices_[place]; }
    const std::vector<Simplex<Vec>>& simplices() const { return simplices_; }
    Vec low() const { return nodes_.empty() ? Vec{} : nodes_[0].low; }
    Vec high() const { return nodes_.empty() ? Vec{} : nodes_[0].high; }

    // Calls whole(node) for nodes inside all half spaces, single(simplex) for other simplices that are, and
    // partial(simplex), about o, for others that may meet their intersection, of which `low` and `high` are a box about o.
    // What is nearer than `slack` to a border is partial.
    template <class Half, class Whole, class Single, class Partial>
    void descend(Vec o, Vec low, Vec high, const std::vector<Half>& halves, double slack, const Whole& whole,
                 const Single& single, const Partial& partial) const {
        for (std::size_t i = 0; i < nodes_.size();) {
            const MeshNode<Vec>& node = nodes_[i];
            const Vec a = node.low - o, b = node.high - o, middle = 0.5 * (a + b), side = 0.5 * (b - a);
            bool outside = apart(a, b, low, high, slack), inside = true;
            for (std::size_t k = 0; k < halves.size() && !outside; ++k) {
                const double excess = halves[k].excess(middle), reach = dot(absolute(halves[k].normal), side);
                outside = excess - reach > slack;
                inside = inside && excess + reach < -slack;
            }
            if (!outside) {
                if (inside) {
                    whole(node);
                } else if (node.end - node.begin == 1) {
                    const Simplex<Vec> simplex = simplices_[node.begin].about(o);
                    const int side = simplex.side(halves, slack);
                    if (side > 0) single(simplex);
                    if (side == 0) partial(simplex);
                } else {
                    ++i;
                    continue;
                }
            }
            i = node.next;
        }
    }

    static void add(const MeshNode<Vec>& node, Vec o, Moments& sum) {
        const Vec c = node.center - o;
        sum.mass += node.mass;
        sum.first = sum.first + node.mass * c;
        sum.second += node.spread + node.mass * norm2(c);
    }

    // Whether two simplices have more than this share of the smaller one in common, as shared(s, t) says.
    template <class Shared>
    bool any_overlap(double share, const Shared& shared) const {
        for (std::size_t s = 0; s < simplices_.size(); ++s) {
            const Vec low = simplices_[s].low(), high = simplices_[s].high();
            for (std::size_t i = 0; i < nodes_.size();) {
                const MeshNode<Vec>& node = nodes_[i];
                if (node.end <= s + 1 || apart(node.low, node.high, low, high, 0.0)) {
                    i = node.next;
                    continue;
                }
                if (node.end - node.begin == 1) {
                    const Simplex<Vec>&a = simplices_[s], &b = simplices_[node.begin];
                    if (shared(a, b) > share * std::min(a.volume, b.volume)) return true;
                }
                ++i;
            }
        }
        return false;
    }

private:
    std::vector<Simplex<Vec>> simplices_;  // in the order of the nodes
    std::vector<MeshNode<Vec>> nodes_;     // each before all below it: the first of the two below comes next

    void build(std::size_t begin, std::size_t end) {
        const std::size_t own = nodes_.size();
        nodes_.emplace_back();
        MeshNode<Vec> node = {};
        node.begin = begin, node.end = end;
        if (end - begin == 1) {
            const Simplex<Vec>& only = simplices_[begin];
            node.low = only.low(), node.high = only.high();
            // About a corner, so that a small simplex far away keeps its digits.
            const Simplex<Vec> near = only.about(only.corner[0]);
            Moments sum;
            add_simplex(near.volume, near.corner, near.density, sum);
            const Vec off = sum.mass > 0.0 ? (1.0 / sum.mass) * sum.first : Vec{};
            Moments about;
            const Simplex<Vec> centered = near.about(off);
            add_simplex(near.volume, centered.corner, centered.density, about);
            node.mass = sum.mass, node.spread = about.second, node.center = only.corner[0] + off;
            node.peak = only.peak(), node.doubt = node.peak * only.boundary();
        } else {
            halve(begin, end);
            const std::size_t middle = begin + (end - begin) / 2;
            build(begin, middle);
            const std::size_t other = nodes_.size();
            build(middle, end);
            const MeshNode<Vec>&a = nodes_[own + 1], &b = nodes_[other];
            node.low = least(a.low, b.low), node.high = most(a.high, b.high);
            node.mass = a.mass + b.mass, node.doubt = a.doubt + b.doubt;
            node.peak = std::max(a.peak, b.peak);
            const double share = node.mass > 0.0 ? b.mass / node.mass : 0.5;
            const Vec between = b.center - a.center;
            node.center = a.center + share * between;
            node.spread = a.spread + b.spread + a.mass * share * norm2(between);
        }
        node.next = nodes_.size();
        nodes_[own] = node;
    }

    // By the median of the middles along the longest side of their box.
    void halve(std::size_t begin, std::size_t end) {
        const auto middle = [](const Simplex<Vec>& s) {
            Vec sum;
            for (const Vec& x : s.corner) sum = sum + x;
            return sum;
        };
        Vec low = middle(simplices_[begin]), high = low;
        for (std::size_t i = begin + 1; i < end; ++i) {
            const Vec m = middle(simplices_[i]);
            low = least(low, m), high = most(high, m);
        }
        const Vec sides = high - low;
        int axis = 0;
        for (int k = 1; k < kDimension<Vec>; ++k) {
            if (component(sides, k) > component(sides, axis)) axis = k;
        }
        const auto first = simplices_.begin();
        std::nth_element(first + std::ptrdiff_t(begin), first + std::ptrdiff_t(begin + (end - begin) / 2),
                         first + std::ptrdiff_t(end), [&](const Simplex<Vec>& s, const Simplex<Vec>& t) {
                             const double a = component(middle(s), axis), b = component(middle(t), axis);
                             return a < b || (a == b && s.number < t.number);
                         });
    }
};

}  // namespace diracs
