// Facets of a cell in the tetrahedra of a mesh.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "mesh/tetrahedron.hpp"
#include "space/density.hpp"

namespace diracs::space {

// Integrals of a linear density over the parts of facets in tetrahedra. A facet between two of them gets half of each, so
// that it does not matter on which side rounding puts it.
class FacetClipper {
public:
    // The facets of a cell whose integrals are wanted.
    void start(const Polyhedron& cell, const FaceList& list) {
        facets_.clear();
        corners_.clear();
        for (std::size_t f = 0; f < list.begin.size(); ++f) {
            const int first = list.begin[f];
            const Face& face = cell.faces[cell.left[first]];
            if (!list.wanted[f] || face.label < 0) continue;
            const std::size_t begin = corners_.size();
            int h = first;
            do {
                corners_.push_back(cell.vertex(h / 3));
                h = cell.next(h);
            } while (h != first);
            Vec3 low = corners_[begin], high = low;
            for (std::size_t k = begin; k < corners_.size(); ++k) {
                low = least(low, corners_[k]), high = most(high, corners_[k]);
            }
            facets_.push_back({f, face.half, low, high, begin, corners_.size()});
        }
    }

    // Adds what a tetrahedron has of each to facets, in the order of the list.
    void add(const Tetrahedron& t, double tolerance, FacetMoments* facets) {
        HalfSpace halves[4];
        sides(t, halves);
        const Vec3 low = t.low(), high = t.high();
        for (const Facet& facet : facets_) {
            if (apart(low, high, facet.low, facet.high, tolerance)) continue;
            double top = -HUGE_VAL, bottom = HUGE_VAL;
            for (const Vec3& x : t.corner) {
                const double e = facet.half.excess(x);
                top = e > top ? e : top;
                bottom = e < bottom ? e : bottom;
            }
            if (top < -tolerance || bottom > tolerance || beyond(facet, halves, tolerance)) continue;
            now_.assign(corners_.begin() + std::ptrdiff_t(facet.begin), corners_.begin() + std::ptrdiff_t(facet.end));
            double share = 1.0;
            for (const HalfSpace& half : halves) {
                if (!clip(half, tolerance)) share = 0.5;
            }
            if (now_.size() >= 3) facets[facet.place].add(share, integral(t));
        }
    }

private:
    struct Facet {
        std::size_t place;
        HalfSpace half;
        Vec3 low, high;
        std::size_t begin, end;  // of its corners
    };

    std::vector<Facet> facets_;
    std::vector<Vec3> corners_, now_, other_;
    std::vector<double> excess_;

    // Whether one of the half spaces has nothing of the facet, not even on its border.
    bool beyond(const Facet& facet, const HalfSpace* halves, double tolerance) const {
        for (int k = 0; k < 4; ++k) {
            std::size_t c = facet.begin;
            while (c < facet.end && halves[k].excess(corners_[c]) > tolerance) ++c;
            if (c == facet.end) return true;
        }
        return false;
    }

    // False if the facet lies on the border of the half space: then nothing is cut off.
    bool clip(const HalfSpace& half, double tolerance) {
        const std::size_t n = now_.size();
        excess_.resize(n);
        bool aligned = true, cut = false;
        for (std::size_t k = 0; k < n; ++k) {
            excess_[k] = half.excess(now_[k]);
            aligned = aligned && std::fabs(excess_[k]) <= tolerance;
            cut = cut || excess_[k] > 0.0;
        }
        if (n == 0 || !cut) return n == 0 || !aligned;
        if (aligned) return false;
        other_.clear();
        for (std::size_t k = 0; k < n; ++k) {
            const std::size_t after = k + 1 == n ? 0 : k + 1;
            const double s = excess_[k], t = excess_[after];
            if (s <= 0.0) other_.push_back(now_[k]);
            if ((s < 0.0 && t > 0.0) || (s > 0.0 && t < 0.0)) {
                other_.push_back(now_[k] + (s / (s - t)) * (now_[after] - now_[k]));
            }
        }
        std::swap(now_, other_);
        return true;
    }

    // ∫ρ dA, ∫xρ dA and ∫xxᵀρ dA over triangles of area A, densities r at the corners: A Σr/3, A Σ x_k (r_k + Σr)/12 and
    // A Σ x_i x_jᵀ (r_i + r_j + Σr)/60, for i = j twice that.
    FacetMoments integral(const Tetrahedron& t) const {
        FacetMoments sum;
        const bool constant = t.constant();
        const auto density = [&](Vec3 v) { return constant ? t.density[0] : t.density_at(v); };
        Vec3 x[3] = {now_[0], now_[1], {}};
        double r[3] = {density(x[0]), density(x[1]), 0.0};
        for (std::size_t k = 2; k < now_.size(); ++k) {
            x[2] = now_[k], r[2] = density(x[2]);
            const double area = norm(cross(x[1] - x[0], x[2] - x[0])) / 2.0, total = r[0] + r[1] + r[2];
            sum.zeroth += area * total / 3.0;
            for (int i = 0; i < 3; ++i) {
                sum.first = sum.first + (area * (r[i] + total) / 12.0) * x[i];
                for (int j = 0; j <= i; ++j) {
                    sum.second = sum.second + (area * (r[i] + r[j] + total) / 60.0) * product(x[i], x[j]);
                }
            }
            x[1] = x[2], r[1] = r[2];
        }
        return sum;
    }
};

}  // namespace diracs::space
