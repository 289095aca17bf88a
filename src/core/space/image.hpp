// Density that is constant on each voxel of a box.
//
// A cell is cut into slabs, columns and voxels. Columns that it fills from side to side have a run of whole voxels between
// those that its boundary crosses; these come from a table. So the work is proportional to the crossed voxels, and all
// sums are of non-negative terms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "space/density.hpp"
#include "space/voxel_axis.hpp"

namespace diracs::space {

class Image {
public:
    struct Scratch {
        Polyhedron slabs, slab, columns, column, voxels, voxel;
        Cutting cut;
        FaceList list;
        std::vector<FacetMoments> on;
        std::vector<int> slot;          // of each face of the cell in the list
        std::vector<HalfSpace> halves;  // of the faces in the list
        std::vector<int> aligned;       // the axis along which a face lies between voxels, or −1
    };

    // values[(i * n₁ + j) * n₂ + k] ≥ 0 is the density on voxel (i, j, k).
    Image(const double* values, const int* shape, const Domain& domain)
        : domain_(domain),
          axes_{{shape[0], domain.low.x, domain.high.x, domain.periodic[0]},
                {shape[1], domain.low.y, domain.high.y, domain.periodic[1]},
                {shape[2], domain.low.z, domain.high.z, domain.periodic[2]}},
          values_(values, values + std::size_t(shape[0]) * shape[1] * shape[2]),
          blocks_((shape[2] - 1) / kBlock + 1) {
        table_.resize(std::size_t(shape[0]) * shape[1] * blocks_);
        for (std::size_t c = 0; c < std::size_t(shape[0]) * shape[1]; ++c) {
            for (int b = 0; b < blocks_; ++b) {
                const int begin = b * kBlock, end = std::min(begin + kBlock, shape[2]);
                table_[c * blocks_ + b] = block(values_.data() + c * shape[2] + begin, end - begin);
            }
        }
    }

    const Domain& domain() const { return domain_; }
    int size(int axis) const { return axes_[axis].n; }

    CellMoments cell(const Polyhedron& cell, Vec3 o, const FaceList& list, FacetMoments* facets,
                     Scratch& scratch) const {
        prepare(cell, o, list, scratch);
        Sum sum{*this, o, list, facets, {}};
        for (std::size_t f = 0; facets != nullptr && f < list.begin.size(); ++f) facets[f] = {};
        walk(o, scratch, sum);
        return sum.moments;
    }

    // Adds ∫(|x − o|² − weight) over the part of the cell in each voxel to gradient: the derivative of
    // ∫ min(|x − y|² − w) ρ with respect to the values. It visits every voxel.
    void add_potential(const Polyhedron& cell, Vec3 o, Vec3 seed, double weight, double* gradient,
                       Scratch& scratch) const {
        scratch.list.of(cell, kDomainFace);
        prepare(cell, o, scratch.list, scratch);
        Potential sum{*this, o, o - seed, weight, gradient};
        walk(o, scratch, sum);
    }

private:
    static constexpr int kBlock = 8;

    struct Block {
        double mass = 0, z = 0, spread = 0;  // in units of the step: barycenter from the low end, ∫(z − barycenter)²
    };

    Domain domain_;
    VoxelAxis axes_[3];
    std::vector<double> values_;
    int blocks_;
    std::vector<Block> table_;

    static Block block(const double* value, int n) {
        Block sum;
        for (int k = 0; k < n; ++k) sum.mass += value[k], sum.z += value[k] * (k + 0.5);
        if (!(sum.mass > 0.0)) return {};
        sum.z /= sum.mass;
        for (int k = 0; k < n; ++k) sum.spread += value[k] * ((k + 0.5 - sum.z) * (k + 0.5 - sum.z) + 1.0 / 12.0);
        return sum;
    }

    // Of three numbers of a voxel, maybe on a periodic axis; zero outside.
    double value(int i, int j, int k) const {
        const int a = axes_[0].place(i), b = axes_[1].place(j), c = axes_[2].place(k);
        return a < 0 || b < 0 || c < 0 ? 0.0 : values_[index(a, b, c)];
    }
    std::size_t index(int a, int b, int c) const { return (std::size_t(a) * axes_[1].n + b) * axes_[2].n + c; }

    // What becomes of a piece in voxel (i, j, k), or of the whole voxels k = begin … end − 1.
    struct Sum {
        const Image& image;
        Vec3 o;
        const FaceList& cell;
        FacetMoments* facets;
        CellMoments moments;

        void piece(int i, int j, int k, const Polyhedron& part, Scratch& scratch) {
            const double value = image.value(i, j, k);
            const bool some = value > 0.0 || facets != nullptr;
            if (!some) return;
            scratch.list.of(part, kDomainFace);
            const std::size_t count = scratch.list.begin.size();
            if (scratch.on.size() < count) scratch.on.resize(count);
            for (std::size_t f = 0; f < count; ++f) {
                const std::size_t face = part.left[scratch.list.begin[f]];
                scratch.list.wanted[f] = face < cell.begin.size() && cell.wanted[face];
            }
            moments.add(value, uniform_moments(part, scratch.list, facets != nullptr ? scratch.on.data() : nullptr));
            for (std::size_t f = 0; facets != nullptr && f < count; ++f) {
                const std::size_t face = part.left[scratch.list.begin[f]];
                if (!scratch.list.wanted[f]) continue;
                double density = value;
                if (const int axis = scratch.aligned[face]; axis >= 0) {  // between voxels: the mean of both sides
                    int at[3] = {i, j, k};
                    at[axis] += part.faces[face].half.normal[axis] > 0.0 ? 1 : -1;
                    density = 0.5 * (value + image.value(at[0], at[1], at[2]));
                }
                facets[face].add(density, scratch.on[f]);
            }
        }

        void run(int i, int j, int begin, int end) {
            const VoxelAxis &ax = image.axes_[0], &ay = image.axes_[1], &az = image.axes_[2];
            const double x = 0.5 * (ax.border(i) + ax.border(i + 1)) - o.x;
            const double y = 0.5 * (ay.border(j) + ay.border(j + 1)) - o.y, h = az.step;
            const std::size_t column = std::size_t(ax.place(i)) * ay.n + ay.place(j);
            const double* values = image.values_.data() + column * az.n;
            double mass = 0, first = 0, second = 0;
            const auto add = [&](const Block& block, int k) {
                const double z = az.border(k) - o.z + block.z * h;
                mass += block.mass, first += block.mass * z, second += block.mass * z * z + block.spread * h * h;
            };
            for (int k = begin; k < end;) {
                const int at = az.place(k);
                if (at % kBlock == 0 && k + kBlock <= end && at + kBlock <= az.n) {
                    add(image.table_[column * image.blocks_ + at / kBlock], k);
                    k += kBlock;
                } else {
                    add(Block{values[at], 0.5, values[at] / 12.0}, k);
                    ++k;
                }
            }
            const double volume = ax.step * ay.step * h;
            const double across = (ax.step * ax.step + ay.step * ay.step) / 12.0 + x * x + y * y;
            moments.mass += volume * mass;
            moments.first = moments.first + volume * Vec3{mass * x, mass * y, first};
            moments.second += volume * (second + mass * across);
        }
    };

    struct Potential {
        const Image& image;
        Vec3 o, shift;
        double weight;
        double* gradient;

        void add(int i, int j, int k, const CellMoments& about_origin) {
            const int a = image.axes_[0].place(i), b = image.axes_[1].place(j), c = image.axes_[2].place(k);
            if (a < 0 || b < 0 || c < 0) return;
            const CellMoments moments = about_origin.moved(shift);
            gradient[image.index(a, b, c)] += moments.second - weight * moments.mass;
        }
        void piece(int i, int j, int k, const Polyhedron& part, Scratch& scratch) {
            scratch.list.of(part, kDomainFace);
            add(i, j, k, uniform_moments(part, scratch.list, nullptr));
        }
        void run(int i, int j, int begin, int end) {
            const VoxelAxis &ax = image.axes_[0], &ay = image.axes_[1], &az = image.axes_[2];
            for (int k = begin; k < end; ++k) {
                const Vec3 c = {0.5 * (ax.border(i) + ax.border(i + 1)) - o.x,
                                0.5 * (ay.border(j) + ay.border(j + 1)) - o.y,
                                0.5 * (az.border(k) + az.border(k + 1)) - o.z};
                const double volume = ax.step * ay.step * az.step;
                const double inner = (ax.step * ax.step + ay.step * ay.step + az.step * az.step) / 12.0;
                add(i, j, k, {volume, volume * c, volume * (norm2(c) + inner)});
            }
        }
    };

    // The cell with its faces numbered as in the list, for the cuts.
    void prepare(const Polyhedron& cell, Vec3 o, const FaceList& list, Scratch& scratch) const {
        Polyhedron& own = scratch.slabs;
        own.x = cell.x, own.y = cell.y, own.z = cell.z;
        own.twin = cell.twin, own.left = cell.left;
        own.faces.clear();
        scratch.slot.assign(cell.faces.size(), 0);
        scratch.aligned.assign(list.begin.size(), -1);
        for (std::size_t f = 0; f < list.begin.size(); ++f) {
            const int face = cell.left[list.begin[f]];
            scratch.slot[face] = static_cast<int>(f);
            own.faces.push_back(cell.faces[face]);
            const HalfSpace& half = cell.faces[face].half;
            for (int axis = 0; axis < 3; ++axis) {
                const double across = std::fabs(half.normal[(axis + 1) % 3]) + std::fabs(half.normal[(axis + 2) % 3]);
                int border;
                if (across < 1e-14 && axes_[axis].on_border(half.offset * half.normal[axis], o[axis], border)) {
                    scratch.aligned[f] = axis;
                }
            }
        }
        for (int& left : own.left) left = scratch.slot[left];
        scratch.halves.clear();
        for (const Face& face : own.faces) scratch.halves.push_back(face.half);
    }

    static void bounds(const std::vector<double>& x, double& low, double& high) {
        low = high = x[0];
        for (const double v : x) low = std::min(low, v), high = std::max(high, v);
    }

    // First and last voxel that a polyhedron meets along an axis.
    void range(const std::vector<double>& x, int axis, double origin, int& first, int& last) const {
        double low, high;
        bounds(x, low, high);
        first = axes_[axis].floor(low, origin);
        last = std::max(axes_[axis].ceil(high, origin) - 1, first);
    }

    // Takes the part of `rest` below border k of an axis away from it.
    bool take(Polyhedron& rest, Polyhedron& part, int axis, int k, Vec3 o, Cutting& cut) const {
        part = rest;
        const double at = axes_[axis].border(k) - o[axis];
        const double tolerance = 4.0 * 2.220446049250313e-16 * (std::fabs(at) + rest.reach());
        Vec3 normal;
        normal[axis] = 1.0;
        cut(part, {normal, at}, kCutFace, 0, tolerance);
        cut(rest, {-1.0 * normal, -at}, kCutFace, 0, tolerance);
        return !part.empty();
    }

    template <class Sink>
    void walk(Vec3 o, Scratch& scratch, Sink& sink) const {
        int i0, i1;
        range(scratch.slabs.x, 0, o.x, i0, i1);
        for (int i = i0; i <= i1 && !scratch.slabs.empty(); ++i) {
            Polyhedron& slab = i < i1 ? scratch.slab : scratch.slabs;
            if (i < i1 && !take(scratch.slabs, slab, 0, i + 1, o, scratch.cut)) continue;
            int j0, j1;
            range(slab.y, 1, o.y, j0, j1);
            scratch.columns = slab;
            for (int j = j0; j <= j1 && !scratch.columns.empty(); ++j) {
                Polyhedron& column = j < j1 ? scratch.column : scratch.columns;
                if (j < j1 && !take(scratch.columns, column, 1, j + 1, o, scratch.cut)) continue;
                walk_column(column, i, j, o, scratch, sink);
            }
        }
    }

    template <class Sink>
    void walk_column(const Polyhedron& column, int i, int j, Vec3 o, Scratch& scratch, Sink& sink) const {
        int k0, k1;
        range(column.z, 2, o.z, k0, k1);
        if (k0 == k1) return sink.piece(i, j, k0, column, scratch);
        int begin = k1 + 1, end = k1 + 1;
        if (k1 - k0 >= 2) whole(i, j, o, scratch.halves, begin, end);
        begin = std::max(begin, k0), end = std::min(end, k1 + 1);
        scratch.voxels = column;
        for (int k = k0; k <= k1 && !scratch.voxels.empty(); ++k) {
            if (k == begin && begin < end) {
                take(scratch.voxels, scratch.voxel, 2, end, o, scratch.cut);
                sink.run(i, j, begin, end);
                k = end - 1;
                continue;
            }
            Polyhedron& voxel = k < k1 ? scratch.voxel : scratch.voxels;
            if (k < k1 && !take(scratch.voxels, voxel, 2, k + 1, o, scratch.cut)) continue;
            sink.piece(i, j, k, voxel, scratch);
        }
    }

    // The voxels of a column that lie in the cell with all their corners: those between its faces on all four edges.
    void whole(int i, int j, Vec3 o, const std::vector<HalfSpace>& halves, int& begin, int& end) const {
        const double x[2] = {axes_[0].border(i) - o.x, axes_[0].border(i + 1) - o.x};
        const double y[2] = {axes_[1].border(j) - o.y, axes_[1].border(j + 1) - o.y};
        double low = -HUGE_VAL, high = HUGE_VAL;
        for (const HalfSpace& half : halves) {
            const double a = std::max(half.normal.x * x[0], half.normal.x * x[1]);
            const double b = std::max(half.normal.y * y[0], half.normal.y * y[1]);
            const double room = half.offset - (a + b), c = half.normal.z;
            if (std::fabs(c) > 1e-14) {
                if (c > 0.0)
                    high = std::min(high, room / c);
                else
                    low = std::max(low, room / c);
            } else if (room < -1e-15 * (std::fabs(half.offset) + std::fabs(a) + std::fabs(b))) {
                return;
            }
        }
        if (!(low < high)) return;
        const int from = axes_[2].ceil(low, o.z), to = axes_[2].floor(high, o.z);
        if (from < to) begin = from, end = to;
    }
};

}  // namespace diracs::space
