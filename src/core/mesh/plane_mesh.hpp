// Density that is linear on each triangle of a mesh.
//
// What a cell has of a triangle on its border is cut exactly; triangles inside come in groups from a tree. So the work is
// proportional to the triangles that borders cross, and all sums are of non-negative terms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "mesh/simplex_tree.hpp"
#include "plane/clip.hpp"
#include "plane/density.hpp"
#include "plane/polygon.hpp"

namespace diracs {

class Mesh {
public:
    struct Scratch {
        Clipper clipper;
        Polygon rectangle;
        std::vector<HalfPlane> halves;
    };

    // vertices (·, 2); corners (count, 3) number them; densities (count, 3) at these.
    Mesh(const double* vertices, const int* corners, const double* densities, std::size_t count)
        : tree_(vertices, corners, densities, count) {
        const Vec2 a = tree_.low(), b = tree_.high();
        box_ = {a, {b.x, a.y}, b, {a.x, b.y}};
        size_ = widest(b - a);
    }

    const std::vector<Vec2>& domain() const { return box_; }
    bool empty() const { return tree_.simplices().empty(); }

    void cell(const Polygon& polygon, Vec2 o, int above, CellMoments& moments, LineMoments* lines,
              Scratch& scratch) const {
        moments = {};
        const auto wanted = [&](std::size_t k) {
            return lines != nullptr && polygon.labels[k] > above && polygon.labels[k] != kDomainEdge;
        };
        for (std::size_t k = 0; k < polygon.size() && lines != nullptr; ++k) {
            if (polygon.labels[k] > above) lines[k] = {};
        }
        walk(
            polygon, o, scratch, [&](const MeshNode<Vec2>& node) { add_node(node, o, moments); },
            [&](const Simplex<Vec2>& triangle) { add_whole(triangle, moments); },
            [&](const Simplex<Vec2>& triangle, Vec2 low, Vec2 high) {
                add_piece(polygon, triangle, low, high, scratch, moments);
                for (std::size_t k = 0; k < polygon.size(); ++k) {
                    if (wanted(k)) add_line(triangle, polygon[k], polygon[polygon.next(k)], lines[k]);
                }
            });
    }

    // Adds ∫(|x − o|² − weight) λ over the part of the cell in each triangle, λ one of its three coordinates, to gradient
    // (count, 3): the derivative of ∫ min(|x − y|² − w) ρ with respect to the densities. It visits every triangle.
    void add_potential(const Polygon& polygon, Vec2 o, double weight, double* gradient, Scratch& scratch) const {
        if (polygon.empty()) return;
        const auto whole = [&](const Simplex<Vec2>& triangle) {
            for (int k = 0; k < 3; ++k) {
                double share[3] = {0.0, 0.0, 0.0};
                share[k] = 1.0;
                CellMoments sum;
                add_simplex(triangle.volume, triangle.corner, share, sum);
                gradient[triangle.place(k)] += sum.second - weight * sum.mass;
            }
        };
        walk(
            polygon, o, scratch,
            [&](const MeshNode<Vec2>& node) {
                for (std::size_t t = node.begin; t < node.end; ++t) whole(tree_.simplex(t).about(o));
            },
            whole,
            [&](const Simplex<Vec2>& triangle, Vec2 low, Vec2 high) {
                const Polygon& piece = cut(polygon, triangle, low, high, scratch);
                fan(piece, triangle, [&](double area, const Vec2* x, const double(*shares)[3]) {
                    for (int k = 0; k < 3; ++k) {
                        const double share[3] = {shares[0][k], shares[1][k], shares[2][k]};
                        CellMoments sum;
                        add_simplex(area, x, share, sum);
                        gradient[triangle.place(k)] += sum.second - weight * sum.mass;
                    }
                });
            });
    }

    // Moments about the middle of a rectangle, and a bound on the density there, if triangles do not overlap.
    CellMoments on_rectangle(Vec2 low, Vec2 high, double& peak, Scratch& scratch) const {
        const Vec2 o = 0.5 * (low + high), a = low - o, b = high - o;
        const Vec2 corners[4] = {a, {b.x, a.y}, b, {a.x, b.y}};
        const HalfPlane halves[4] = {{{0.0, -1.0}, -a.y}, {{1.0, 0.0}, b.x}, {{0.0, 1.0}, b.y}, {{-1.0, 0.0}, -a.x}};
        Polygon& rectangle = scratch.rectangle;
        rectangle.clear();
        for (int k = 0; k < 4; ++k) rectangle.push(corners[k], 0, halves[k]);
        CellMoments moments;
        peak = 0.0;
        walk(
            rectangle, o, scratch,
            [&](const MeshNode<Vec2>& node) {
                add_node(node, o, moments);
                peak = std::max(peak, node.peak);
            },
            [&](const Simplex<Vec2>& triangle) {
                add_whole(triangle, moments);
                peak = std::max(peak, triangle.peak());
            },
            [&](const Simplex<Vec2>& triangle, Vec2 c, Vec2 d) {
                add_piece(rectangle, triangle, c, d, scratch, moments);
                double here = 0.0, reach = 0.0;
                for (const Vec2& v : scratch.clipper.polygon().vertices) here = std::max(here, triangle.density_at(v));
                for (const Vec2& corner : triangle.corner) reach = std::max(reach, norm(corner));
                const double rounding = 64.0 * kRoundoff * reach * reach / triangle.volume;
                peak = std::max(peak, std::min(triangle.peak(), here + rounding * triangle.peak()));
            });
        return moments;
    }

    // Whether two triangles have more than this share of the smaller one in common.
    bool overlaps(double share) const {
        Scratch scratch;
        return tree_.any_overlap(share, [&](const Simplex<Vec2>& s, const Simplex<Vec2>& t) {
            const Vec2 o = s.corner[0];
            start(s.about(o), scratch.clipper);
            HalfPlane halves[3];
            sides(t.about(o), halves);
            for (const HalfPlane& half : halves) scratch.clipper.clip(half, kDomainEdge);
            CellMoments area;
            if (!scratch.clipper.polygon().empty()) {
                uniform_moments(scratch.clipper.polygon(), area.mass, area.first, area.second);
            }
            return area.mass;
        });
    }

private:
    static constexpr double kRoundoff = 2.220446049250313e-16;
    static constexpr double kBorder = 16.0;  // roundings, by half of which borders may be off

    SimplexTree<Vec2, CellMoments> tree_;
    std::vector<Vec2> box_;
    double size_;

    // Half planes whose intersection a triangle is; half k has the edge from corner k on its border.
    static void sides(const Simplex<Vec2>& triangle, HalfPlane* halves) {
        for (int k = 0; k < 3; ++k) {
            const Vec2 a = triangle.corner[k], d = triangle.corner[k == 2 ? 0 : k + 1] - a;
            halves[k] = half_plane({d.y, -d.x}, 0.0);
            halves[k].offset = dot(halves[k].normal, a);
        }
    }

    static void start(const Simplex<Vec2>& triangle, Clipper& clipper) {
        HalfPlane halves[3];
        sides(triangle, halves);
        clipper.clear();
        for (int k = 0; k < 3; ++k) clipper.push(triangle.corner[k], kDomainEdge, halves[k]);
    }

    // Calls whole(node) for groups of triangles inside a cell, single(triangle) for others that are, and
    // partial(triangle, low, high) for others that may meet it, about o, with the cell's box.
    template <class Whole, class Single, class Partial>
    void walk(const Polygon& polygon, Vec2 o, Scratch& scratch, const Whole& whole, const Single& single,
              const Partial& partial) const {
        Vec2 low = polygon[0], high = low;
        scratch.halves.clear();
        for (std::size_t k = 0; k < polygon.size(); ++k) {
            low = least(low, polygon[k]), high = most(high, polygon[k]);
            if (polygon.labels[k] != kDomainEdge) scratch.halves.push_back(polygon.halves[k]);
        }
        tree_.descend(o, low, high, scratch.halves, 16.0 * kRoundoff * size_, whole, single,
                      [&](const Simplex<Vec2>& triangle) { partial(triangle, low, high); });
    }

    // The part of a cell in a triangle: the smaller of both is cut, so that it keeps its digits.
    const Polygon& cut(const Polygon& polygon, const Simplex<Vec2>& triangle, Vec2 low, Vec2 high,
                       Scratch& scratch) const {
        Clipper& clipper = scratch.clipper;
        if (widest(triangle.high() - triangle.low()) <= widest(high - low)) {
            start(triangle, clipper);
            for (const HalfPlane& half : scratch.halves) clipper.clip(half, kDomainEdge);
        } else {
            clipper.clear();
            for (std::size_t k = 0; k < polygon.size(); ++k) clipper.push(polygon[k], kDomainEdge, polygon.halves[k]);
            HalfPlane halves[3];
            sides(triangle, halves);
            for (const HalfPlane& half : halves) clipper.clip(half, kDomainEdge);
        }
        return clipper.polygon();
    }

    // Calls use(area, corners, coordinates of these in the triangle) for the triangles of a fan.
    template <class Use>
    static void fan(const Polygon& piece, const Simplex<Vec2>& triangle, const Use& use) {
        if (piece.empty()) return;
        Vec2 x[3] = {piece[0], piece[1], {}};
        double shares[3][3];
        for (int k = 0; k < 2; ++k) triangle.coordinates(x[k], shares[k]);
        for (std::size_t k = 2; k < piece.size(); ++k) {
            x[2] = piece[k];
            triangle.coordinates(x[2], shares[2]);
            const double twice = cross(x[1] - x[0], x[2] - x[1]);
            if (twice > 0.0) use(twice / 2.0, x, shares);
            x[1] = x[2];
            std::copy(shares[2], shares[2] + 3, shares[1]);
        }
    }

    void add_node(const MeshNode<Vec2>& node, Vec2 o, CellMoments& moments) const {
        tree_.add(node, o, moments);
        const double sliver = kBorder * node.doubt * size_, far = norm(most(node.high - o, o - node.low));
        moments.sizes.add(1.0, {sliver, sliver * far, sliver * far * far});
        moments.sizes.second += 4.0 * node.mass * norm(node.center - o) * size_;
    }

    static void add_whole(const Simplex<Vec2>& triangle, CellMoments& moments) {
        add_simplex(triangle.volume, triangle.corner, triangle.density, moments);
        double far = 0.0;
        for (const Vec2& corner : triangle.corner) far = std::max(far, norm(corner));
        const double sliver = kBorder * triangle.peak() * triangle.boundary() * far;
        moments.sizes.add(1.0, {sliver, sliver * far, sliver * far * far});
    }

    void add_piece(const Polygon& polygon, const Simplex<Vec2>& triangle, Vec2 low, Vec2 high, Scratch& scratch,
                   CellMoments& moments) const {
        const Polygon& piece = cut(polygon, triangle, low, high, scratch);
        if (piece.empty()) return;
        if (triangle.constant()) {
            CellMoments area;
            uniform_moments(piece, area.mass, area.first, area.second);
            moments.add(triangle.density[0], area);
        } else {
            fan(piece, triangle, [&](double area, const Vec2* x, const double(*shares)[3]) {
                double density[3];
                for (int k = 0; k < 3; ++k) {
                    const double* s = shares[k];
                    density[k] = s[0] * triangle.density[0] + s[1] * triangle.density[1] + s[2] * triangle.density[2];
                }
                add_simplex(area, x, density, moments);
            });
        }
        // Borders are off by roundings of coordinates, and so is the piece by slivers along them.
        double around = 0.0, far = 0.0, reach = 0.0;
        for (std::size_t k = 0; k < piece.size(); ++k) {
            around += norm(piece[piece.next(k)] - piece[k]);
            far = std::max(far, norm(piece[k]));
        }
        for (const Vec2& corner : triangle.corner) reach = std::max(reach, norm(corner));
        const double sliver = kBorder * triangle.peak() * around * reach;
        moments.sizes.add(1.0, {sliver, sliver * far, sliver * far * far});
    }

    // ρ along the part of an edge from a to b in a triangle: half of it if the edge lies on the border between two.
    void add_line(const Simplex<Vec2>& triangle, Vec2 a, Vec2 b, LineMoments& line) const {
        const double tolerance = 16.0 * kRoundoff * size_;
        if (apart(triangle.low(), triangle.high(), least(a, b), most(a, b), tolerance)) return;
        HalfPlane halves[3];
        sides(triangle, halves);
        double from = 0.0, to = 1.0, share = 1.0;
        for (const HalfPlane& half : halves) {
            const double s = half.excess(a), t = half.excess(b);
            if (std::fabs(s) <= tolerance && std::fabs(t) <= tolerance) {
                share = 0.5;
            } else if (s > 0.0 && t > 0.0) {
                return;
            } else if (s > 0.0) {
                from = std::max(from, s / (s - t));
            } else if (t > 0.0) {
                to = std::min(to, s / (s - t));
            }
        }
        const EdgeCoordinate edge(a, b);
        if (!(from < to) || !(edge.length > 0.0)) return;
        const bool constant = triangle.constant();
        const double p = constant ? triangle.density[0] : triangle.density_at(a + from * (b - a));
        const double q = constant ? p : triangle.density_at(a + to * (b - a));
        const double half = 0.5 * (to - from) * edge.length, middle = edge.start + 0.5 * (from + to) * edge.length;
        // ∫s ρ about the middle is (q − p) h²/3, ∫s²ρ is (p + q) h³/3, h half the length.
        LineMoments part{half * (p + q), 0.0, 0.0};
        const double tilt = (q - p) * half * half / 3.0;
        part.first = middle * part.zeroth + tilt;
        part.second = middle * (middle * part.zeroth + 2.0 * tilt) + part.zeroth * half * half / 3.0;
        line.add(share, part);
    }
};

}  // namespace diracs
