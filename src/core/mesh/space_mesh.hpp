// Density that is linear on each tetrahedron of a mesh: see plane_mesh.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "mesh/facet.hpp"
#include "mesh/simplex_tree.hpp"
#include "mesh/tetrahedron.hpp"
#include "space/density.hpp"

namespace diracs::space {

class Mesh {
public:
    struct Scratch {
        Polyhedron piece;
        Cutting cut;
        FaceList list;
        std::vector<HalfSpace> halves;
        std::vector<std::array<double, 4>> shares;  // coordinates in the tetrahedron of each vertex of the piece
        FacetClipper facets;
    };

    // vertices (·, 3); corners (count, 4) number them; densities (count, 4) at these.
    Mesh(const double* vertices, const int* corners, const double* densities, std::size_t count)
        : tree_(vertices, corners, densities, count),
          domain_{tree_.low(), tree_.high(), {}},
          size_(widest(domain_.sides())) {}

    const Domain& domain() const { return domain_; }
    bool empty() const { return tree_.simplices().empty(); }

    CellMoments cell(const Polyhedron& cell, Vec3 o, const FaceList& list, FacetMoments* facets,
                     Scratch& scratch) const {
        CellMoments moments;
        if (facets != nullptr) {
            scratch.facets.start(cell, list);
            std::fill_n(facets, list.begin.size(), FacetMoments{});
        }
        walk(
            cell, o, scratch, [&](const MeshNode<Vec3>& node) { tree_.add(node, o, moments); },
            [&](const Tetrahedron& t) { add_simplex(t.volume, t.corner, t.density, moments); },
            [&](const Tetrahedron& t, Vec3 low, Vec3 high) {
                add_piece(cell, t, low, high, scratch, moments);
                if (facets != nullptr) scratch.facets.add(t, tolerance(), facets);
            });
        return moments;
    }

    // Adds ∫(|x − y|² − weight) λ over the part of the cell in each tetrahedron, y the seed, λ one of its four coordinates,
    // to gradient (count, 4): the derivative of ∫ min(|x − y|² − w) ρ with respect to the densities.
    void add_potential(const Polyhedron& cell, Vec3 o, Vec3 seed, double weight, double* gradient,
                       Scratch& scratch) const {
        const Vec3 shift = o - seed;
        const auto take = [&](const Tetrahedron& t, int k, const CellMoments& about_origin) {
            const CellMoments sum = about_origin.moved(shift);
            gradient[t.place(k)] += sum.second - weight * sum.mass;
        };
        const auto whole = [&](const Tetrahedron& t) {
            for (int k = 0; k < 4; ++k) {
                double share[4] = {0.0, 0.0, 0.0, 0.0};
                share[k] = 1.0;
                CellMoments sum;
                add_simplex(t.volume, t.corner, share, sum);
                take(t, k, sum);
            }
        };
        walk(
            cell, o, scratch,
            [&](const MeshNode<Vec3>& node) {
                for (std::size_t t = node.begin; t < node.end; ++t) whole(tree_.simplex(t).about(o));
            },
            whole,
            [&](const Tetrahedron& t, Vec3 low, Vec3 high) {
                if (!cut(cell, t, low, high, scratch)) return;
                CellMoments sums[4];
                fan(t, scratch, [&](double volume, const Vec3* x, const std::array<double, 4>* shares) {
                    for (int k = 0; k < 4; ++k) {
                        const double share[4] = {shares[0][k], shares[1][k], shares[2][k], shares[3][k]};
                        add_simplex(volume, x, share, sums[k]);
                    }
                });
                for (int k = 0; k < 4; ++k) take(t, k, sums[k]);
            });
    }

    // Whether two tetrahedra have more than this share of the smaller one in common.
    bool overlaps(double share) const {
        Scratch scratch;
        return tree_.any_overlap(share, [&](const Tetrahedron& s, const Tetrahedron& t) {
            const Vec3 o = s.corner[0];
            start(s.about(o), scratch.piece);
            HalfSpace halves[4];
            sides(t.about(o), halves);
            for (const HalfSpace& half : halves) {
                scratch.cut(scratch.piece, half, kCutFace, 0, 8.0 * kRoundoff * scratch.piece.reach());
            }
            if (scratch.piece.empty()) return 0.0;
            scratch.list.of(scratch.piece, kDomainFace);
            return uniform_moments(scratch.piece, scratch.list, nullptr).mass;
        });
    }

private:
    static constexpr double kRoundoff = 2.220446049250313e-16;

    SimplexTree<Vec3, CellMoments> tree_;
    Domain domain_;
    double size_;

    double tolerance() const { return 16.0 * kRoundoff * size_; }

    // Calls whole(node) for groups of tetrahedra inside a cell, single(tetrahedron) for others that are, and
    // partial(tetrahedron, low, high) for others that may meet it, about o, with the cell's box.
    template <class Whole, class Single, class Partial>
    void walk(const Polyhedron& cell, Vec3 o, Scratch& scratch, const Whole& whole, const Single& single,
              const Partial& partial) const {
        Vec3 low = cell.vertex(0), high = low;
        for (std::size_t v = 1; v < cell.size(); ++v) {
            low = least(low, cell.vertex(v)), high = most(high, cell.vertex(v));
        }
        FaceList& list = scratch.list;
        list.of(cell, kDomainFace);
        scratch.halves.clear();
        for (std::size_t f = 0; f < list.begin.size(); ++f) {
            if (list.wanted[f]) scratch.halves.push_back(cell.faces[cell.left[list.begin[f]]].half);
        }
        tree_.descend(o, low, high, scratch.halves, tolerance(), whole, single,
                      [&](const Tetrahedron& t) { partial(t, low, high); });
    }

    // The part of a cell in a tetrahedron, in scratch.piece, with its faces listed: the smaller of both is cut.
    bool cut(const Polyhedron& cell, const Tetrahedron& t, Vec3 low, Vec3 high, Scratch& scratch) const {
        Polyhedron& piece = scratch.piece;
        if (widest(t.high() - t.low()) <= widest(high - low)) {
            start(t, piece);
            const double reach = piece.reach();
            for (const HalfSpace& half : scratch.halves) {
                if (piece.empty()) return false;
                scratch.cut(piece, half, kCutFace, 0, 4.0 * kRoundoff * (std::fabs(half.offset) + reach));
            }
        } else {
            piece = cell;
            const double reach = piece.reach();
            HalfSpace halves[4];
            sides(t, halves);
            for (const HalfSpace& half : halves) {
                if (piece.empty()) return false;
                scratch.cut(piece, half, kCutFace, 0, 4.0 * kRoundoff * (std::fabs(half.offset) + reach));
            }
        }
        if (piece.empty()) return false;
        scratch.list.of(piece, kDomainFace);
        return true;
    }

    // Calls use(volume, corners, coordinates of these in the tetrahedron) for tetrahedra from a point inside the piece to
    // triangles of its faces.
    template <class Use>
    static void fan(const Tetrahedron& t, Scratch& scratch, const Use& use) {
        const Polyhedron& piece = scratch.piece;
        scratch.shares.resize(piece.size());
        for (std::size_t v = 0; v < piece.size(); ++v) t.coordinates(piece.vertex(v), scratch.shares[v].data());
        Vec3 x[4] = {middle(piece), {}, {}, {}};
        std::array<double, 4> shares[4];
        t.coordinates(x[0], shares[0].data());
        for (const int first : scratch.list.begin) {
            x[1] = piece.vertex(first / 3), shares[1] = scratch.shares[first / 3];
            int h = piece.next(first);
            x[2] = piece.vertex(h / 3), shares[2] = scratch.shares[h / 3];
            for (h = piece.next(h); h != first; h = piece.next(h)) {
                x[3] = piece.vertex(h / 3), shares[3] = scratch.shares[h / 3];
                const double six = dot(cross(x[2] - x[1], x[3] - x[1]), x[1] - x[0]);
                use(six / 6.0, x, shares);
                x[2] = x[3], shares[2] = shares[3];
            }
        }
    }

    void add_piece(const Polyhedron& cell, const Tetrahedron& t, Vec3 low, Vec3 high, Scratch& scratch,
                   CellMoments& moments) const {
        if (!cut(cell, t, low, high, scratch)) return;
        if (t.constant()) {
            moments.add(t.density[0], uniform_moments(scratch.piece, scratch.list, nullptr));
            return;
        }
        fan(t, scratch, [&](double volume, const Vec3* x, const std::array<double, 4>* shares) {
            double density[4];
            for (int k = 0; k < 4; ++k) {
                density[k] = 0.0;
                for (int j = 0; j < 4; ++j) density[k] += shares[k][j] * t.density[j];
            }
            add_simplex(volume, x, density, moments);
        });
    }
};

}  // namespace diracs::space
