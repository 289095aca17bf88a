// Densities on meshes in the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "mesh/plane_mesh.hpp"
#include "mesh/space_mesh.hpp"
#include "numeric/parallel.hpp"
#include "plane/cell.hpp"
#include "plane/moments.hpp"
#include "python/arrays.hpp"
#include "python/records.hpp"
#include "space/cells.hpp"
#include "space/moments.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

// A density on a mesh that remembers the number of its simplices, for arrays over their corners.
template <class Density, int D>
struct Shaped : Density {
    std::size_t count;

    Shaped(const Rows& vertices, const Input<int, nb::ndim<2>>& corners, const Rows& densities)
        : Density(vertices.data(), corners.data(), densities.data(), corners.shape(0)), count(corners.shape(0)) {}
};

using PlaneMesh = Shaped<Mesh, 2>;
using SpaceMesh = Shaped<space::Mesh, 3>;

template <class Density, int D>
void make(Shaped<Density, D>* self, const Rows& vertices, const Input<int, nb::ndim<2>>& corners,
          const Rows& densities) {
    const std::size_t count = corners.shape(0), n = vertices.shape(0);
    if (vertices.shape(1) != D || corners.shape(1) != D + 1 || densities.shape(1) != D + 1 ||
        densities.shape(0) != count) {
        throw nb::value_error("vertices (v, d), corners (s, d + 1) and densities (s, d + 1) do not fit");
    }
    if (!all_finite(vertices.data(), n * D) || !all_finite(densities.data(), count * (D + 1))) {
        throw nb::value_error("vertices and densities must be finite");
    }
    const int* c = corners.data();
    if (!std::all_of(c, c + count * (D + 1), [&](int v) { return v >= 0 && static_cast<std::size_t>(v) < n; })) {
        throw nb::value_error("corners must number vertices");
    }
    if (!std::all_of(densities.data(), densities.data() + count * (D + 1), [](double x) { return x >= 0.0; })) {
        throw nb::value_error("densities must not be negative");
    }
    new (self) Shaped<Density, D>(vertices, corners, densities);
    if (!self->empty()) return;
    self->~Shaped<Density, D>();
    throw nb::value_error("a mesh must hold something");
}

nb::ndarray<nb::numpy, double> plane_potential(const PlaneMesh& mesh, const Points& positions, const Numbers& weights) {
    check_sizes(positions, weights);
    std::vector<double> integral(3 * mesh.count, 0.0);
    {
        const Unlocked unlocked;
        const PowerCells cells(positions.data(), weights.data(), positions.shape(0), mesh.domain(), 0);
        CellScratch scratch;
        Mesh::Scratch own;
        for (int r = 0; r < cells.ranks(); ++r) {
            poll_interrupt();
            const Vec2 y = cells.position(r);
            mesh.add_potential(cells.cell(r, y, scratch), y, cells.weight(r), integral.data(), own);
        }
    }
    return array(std::move(integral), {mesh.count, 3});
}

nb::ndarray<nb::numpy, double> space_potential(const SpaceMesh& mesh, const space::Positions& positions,
                                               const Numbers& weights) {
    space::check_sizes(positions, weights);
    std::vector<double> integral(4 * mesh.count, 0.0);
    {
        const Unlocked unlocked;
        const space::PowerCells cells(positions.data(), weights.data(), positions.shape(0), mesh.domain(), 0);
        space::CellScratch scratch;
        space::Mesh::Scratch own;
        for (int r = 0; r < cells.ranks(); ++r) {
            poll_interrupt();
            const space::Polyhedron& cell = cells.cell(r, scratch);
            if (cell.empty()) continue;
            mesh.add_potential(cell, cells.origin(r), cells.position(r), cells.weight(r), integral.data(), own);
        }
    }
    return array(std::move(integral), {mesh.count, 4});
}

// Mass, centroid, second moment about it and highest density on rectangles, and absolute errors of first and second moment.
// Masses are lowered by what rounding may have added, and second moments by the same share.
nb::tuple rectangle_moments(const PlaneMesh& mesh, const Points& low, const Points& high) {
    constexpr double kRoundoff = 2.220446049250313e-16, kFan = 1e-13;
    if (low.shape(0) != high.shape(0)) throw nb::value_error("low and high differ in length");
    const std::size_t m = low.shape(0);
    std::vector<double> mass(m), centroid(2 * m), second(m), peak(m), rounding(2 * m);
    {
        const Unlocked unlocked;
        parallel_for(m, 256, 0, [&] {
            return [&, own = Mesh::Scratch()](std::size_t begin, std::size_t end) mutable {
                for (std::size_t i = begin; i < end; ++i) {
                    const Vec2 a = vector<Vec2>(low.data() + 2 * i), b = vector<Vec2>(high.data() + 2 * i);
                    const Vec2 o = 0.5 * (a + b);
                    const CellMoments found = mesh.on_rectangle(a, b, peak[i], own);
                    const double error = 2.0 * kRoundoff * found.sizes.mass + kFan * found.mass;
                    mass[i] = std::max(found.mass - error, 0.0);
                    const Vec2 off = mass[i] > 0.0 ? (1.0 / found.mass) * found.first : Vec2{};
                    centroid[2 * i] = o.x + off.x, centroid[2 * i + 1] = o.y + off.y;
                    const double share = mass[i] > 0.0 ? mass[i] / found.mass : 0.0;
                    second[i] = share * std::max(found.second - found.mass * norm2(off), 0.0);
                    rounding[2 * i] = 2.0 * kRoundoff * found.sizes.first + kFan * found.mass * norm(b - a);
                    rounding[2 * i + 1] = 2.0 * kRoundoff * found.sizes.second + kFan * found.second;
                }
            };
        });
    }
    return nb::make_tuple(array(std::move(mass)), array(std::move(centroid), {m, 2}), array(std::move(second)),
                          array(std::move(peak)), array(std::move(rounding), {m, 2}));
}

template <class Density>
bool overlaps(const Density& mesh, double share) {
    const Unlocked unlocked;
    return mesh.overlaps(share);
}

}  // namespace

void bind_mesh(nb::module_& module) {
    const char* init_doc =
        "vertices: (v, d); corners: (s, d + 1) int32, numbers of vertices; densities: (s, d + 1) at these corners.";
    const char* potential_doc =
        "The integral over each simplex of the minimum over i of |x - y_i|^2 - w_i times each of its coordinates, (s, "
        "d + 1).";
    const char* overlaps_doc = "Whether two simplices have more than this share of the smaller one in common.";
    nb::class_<PlaneMesh>(module, "Mesh", "Density that is linear on each triangle of a mesh.")
        .def("__init__", &make<Mesh, 2>, "vertices"_a.noconvert(), "corners"_a.noconvert(), "densities"_a.noconvert(),
             init_doc)
        .def("potential", &plane_potential, "positions"_a.noconvert(), "weights"_a.noconvert(), potential_doc)
        .def("rectangles", &rectangle_moments, "low"_a.noconvert(), "high"_a.noconvert(),
             "Of rectangles with corners low, high (m, 2): mass (m,), centroid (m, 2), second moment about it (m,), a\n"
             "bound on the density (m,), if triangles do not overlap, and errors (m, 2) of first and second moments.")
        .def("overlaps", &overlaps<PlaneMesh>, "share"_a, overlaps_doc);
    nb::class_<SpaceMesh>(module, "SpaceMesh", "Density that is linear on each tetrahedron of a mesh.")
        .def("__init__", &make<space::Mesh, 3>, "vertices"_a.noconvert(), "corners"_a.noconvert(),
             "densities"_a.noconvert(), init_doc)
        .def("potential", &space_potential, "positions"_a.noconvert(), "weights"_a.noconvert(), potential_doc)
        .def("overlaps", &overlaps<SpaceMesh>, "share"_a, overlaps_doc);
    module.def("moments", &density_moments<PlaneMesh>, "density"_a, "positions"_a.noconvert(), "weights"_a.noconvert(),
               nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0);
    module.def("couplings", &density_couplings<PlaneMesh>, "density"_a, "seeds"_a, "weights"_a.noconvert(),
               nb::kw_only(), "threads"_a = 0);
    module.def("moments", &space::density_moments<SpaceMesh>, "density"_a, "positions"_a.noconvert(),
               "weights"_a.noconvert(), nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0,
               "near"_a = nb::none());
}

}  // namespace diracs
