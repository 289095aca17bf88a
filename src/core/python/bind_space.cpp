// Power diagrams of space in the Python module diracs._core.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "python/arrays.hpp"
#include "python/records.hpp"
#include "space/cells.hpp"
#include "space/component_moments.hpp"
#include "space/image.hpp"
#include "space/mixture.hpp"
#include "space/moments.hpp"
#include "space/uniform.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs::space {
namespace {

using Corners = Input<double, nb::shape<2, 3>>;
using Flags = Input<bool, nb::shape<3>>;
using Voxels = Input<double, nb::ndim<3>>;
using Covariances = Input<double, nb::shape<-1, 3, 3>>;

constexpr std::size_t kMaxVoxels = std::size_t{1} << 24;

Domain domain_of(const Corners& box, const Flags& periodic, const std::optional<Rows>& planes = {}) {
    const double* b = box.data();
    Domain domain{{b[0], b[1], b[2]}, {b[3], b[4], b[5]}, {}};
    for (int axis = 0; axis < 3; ++axis) {
        if (!(domain.low[axis] < domain.high[axis]) || !std::isfinite(domain.high[axis] - domain.low[axis])) {
            throw nb::value_error("a box has its minima below its maxima");
        }
        domain.periodic[axis] = periodic.data()[axis];
    }
    if (planes.has_value()) {
        if (planes->shape(1) != 4 || !all_finite(planes->data(), planes->size())) {
            throw nb::value_error("planes must be finite, of shape (m, 4): a normal and an offset each");
        }
        if (domain.any_periodic()) throw nb::value_error("a torus has no planes around it");
        for (std::size_t k = 0; k < planes->shape(0); ++k) {
            const double* p = planes->data() + 4 * k;
            domain.planes.push_back(half_space({p[0], p[1], p[2]}, p[3]));
        }
    }
    return domain;
}

// Polyhedra of all cells: vertices by cell, faces by cell, corners by face.
nb::tuple polyhedra(const Positions& positions, const Numbers& weights, const Corners& box, const Flags& periodic,
                    const std::optional<Rows>& planes) {
    check_sizes(positions, weights);
    const Domain domain = domain_of(box, periodic, planes);
    const std::size_t n = positions.shape(0);
    std::vector<std::int64_t> vertex_start(n + 1, 0), face_start(n + 1, 0), corner_start(1, 0);
    std::vector<double> vertices, displacement;
    std::vector<int> labels, corners;
    {
        const Unlocked unlocked;
        const PowerCells cells(positions.data(), weights.data(), n, domain, 0);
        std::vector<int> rank(n, -1);
        for (int r = 0; r < cells.ranks(); ++r) rank[cells.index(r)] = r;
        CellScratch scratch;
        FaceList list;
        for (std::size_t i = 0; i < n; ++i) {
            if (i % 64 == 0) poll_interrupt();
            const Polyhedron& cell = cells.cell(rank[i], scratch);
            // On a torus next to the seed as it is given.
            const Vec3 given = {positions.data()[3 * i], positions.data()[3 * i + 1], positions.data()[3 * i + 2]};
            const Vec3 origin = cells.origin(rank[i]) + (given - cells.position(rank[i]));
            for (std::size_t v = 0; v < cell.size(); ++v) {
                const Vec3 p = origin + cell.vertex(v);
                vertices.insert(vertices.end(), {p.x, p.y, p.z});
            }
            list.of(cell, kDomainFace);
            for (const int first : list.begin) {
                const Face& face = cell.faces[cell.left[first]];
                int h = first;
                do {
                    corners.push_back(h / 3);
                    h = cell.next(h);
                } while (h != first);
                corner_start.push_back(static_cast<std::int64_t>(corners.size()));
                Vec3 step;
                if (face.label >= 0) {
                    step = cells.position(face.label) + cells.shift(face.shift) - cells.position(rank[i]);
                }
                displacement.insert(displacement.end(), {step.x, step.y, step.z});
                labels.push_back(face.label < 0 ? kDomainFace : cells.index(face.label));
            }
            vertex_start[i + 1] = static_cast<std::int64_t>(vertices.size() / 3);
            face_start[i + 1] = static_cast<std::int64_t>(labels.size());
        }
    }
    const std::size_t points = vertices.size() / 3, faces = labels.size();
    return nb::make_tuple(array(std::move(vertex_start)), array(std::move(vertices), {points, 3}),
                          array(std::move(face_start)), array(std::move(labels)),
                          array(std::move(displacement), {faces, 3}), array(std::move(corner_start)),
                          array(std::move(corners)));
}

// ∫ min over i of |x − yᵢ|² − wᵢ on every voxel.
nb::ndarray<nb::numpy, double> potential(const Image& image, const Positions& positions, const Numbers& weights) {
    check_sizes(positions, weights);
    const std::size_t shape[3] = {std::size_t(image.size(0)), std::size_t(image.size(1)), std::size_t(image.size(2))};
    std::vector<double> integral(shape[0] * shape[1] * shape[2], 0.0);
    {
        const Unlocked unlocked;
        const PowerCells cells(positions.data(), weights.data(), positions.shape(0), image.domain(), 0);
        CellScratch scratch;
        Image::Scratch own;
        for (int rank = 0; rank < cells.ranks(); ++rank) {
            poll_interrupt();
            const Polyhedron& cell = cells.cell(rank, scratch);
            if (cell.empty()) continue;
            image.add_potential(cell, cells.origin(rank), cells.position(rank), cells.weight(rank), integral.data(),
                                own);
        }
    }
    return array(std::move(integral), {shape[0], shape[1], shape[2]});
}

nb::tuple components(const GaussianMixture& mixture, const Positions& positions, const Numbers& weights, int threads) {
    check_sizes(positions, weights);
    ComponentMoments result;
    {
        const Unlocked unlocked;
        result = component_moments(mixture, positions.data(), weights.data(), positions.shape(0), threads);
    }
    const std::size_t k = mixture.size();
    return nb::make_tuple(array(std::move(result.potential)), array(std::move(result.first), {k, 3}),
                          array(std::move(result.curvature), {k, 3, 3}));
}

void make_image(Image* self, const Voxels& values, const Corners& box, const Flags& periodic) {
    int shape[3];
    for (int axis = 0; axis < 3; ++axis) {
        if (values.shape(axis) == 0 || values.shape(axis) > kMaxVoxels) {
            throw nb::value_error("an image has from 1 to 2^24 voxels along each axis");
        }
        shape[axis] = static_cast<int>(values.shape(axis));
    }
    new (self) Image(values.data(), shape, domain_of(box, periodic));
}

void make_mixture(GaussianMixture* self, const Positions& means, const Covariances& covariances,
                  const Numbers& weights) {
    const std::size_t k = means.shape(0);
    if (k == 0 || covariances.shape(0) != k || weights.shape(0) != k) {
        throw nb::value_error("means, covariances and weights differ in length, or are empty");
    }
    const auto positive = [](double x) { return x > 0.0 && std::isfinite(x); };
    if (!all_finite(means.data(), 3 * k) || !all_finite(covariances.data(), 9 * k) ||
        !std::all_of(weights.data(), weights.data() + k, positive)) {
        throw nb::value_error("means and covariances must be finite, weights positive");
    }
    new (self) GaussianMixture(means.data(), covariances.data(), weights.data(), k);
}

}  // namespace

void bind_space(nb::module_& module) {
    nb::class_<UniformBox>(module, "SpaceBox", "Constant density on a box of space, maybe periodic.")
        .def(
            "__init__",
            [](UniformBox* self, const Corners& box, double density, const Flags& periodic,
               const std::optional<Rows>& planes) { new (self) UniformBox(domain_of(box, periodic, planes), density); },
            "box"_a.noconvert(), "density"_a, "periodic"_a.noconvert(), "planes"_a = nb::none(),
            "box: [[x0, y0, z0], [x1, y1, z1]]; periodic: (3,) bool; planes: (m, 4) normals and offsets of half "
            "spaces\n"
            "{x : normal . x <= offset} whose intersection with the box is meant.");

    nb::class_<Image>(module, "SpaceImage", "Density that is constant on each voxel of a box, maybe periodic.")
        .def("__init__", &make_image, "values"_a.noconvert(), "box"_a.noconvert(), "periodic"_a.noconvert(),
             "values: (n0, n1, n2), axis k is coordinate k; box: [[x0, y0, z0], [x1, y1, z1]]; periodic: (3,) bool.")
        .def("potential", &potential, "positions"_a.noconvert(), "weights"_a.noconvert(),
             "The integral over each voxel (n0, n1, n2) of the minimum over i of |x - y_i|^2 - w_i.");

    nb::class_<GaussianMixture>(module, "SpaceMixture", "Gaussian mixture on the whole of space.")
        .def("__init__", &make_mixture, "means"_a.noconvert(), "covariances"_a.noconvert(), "weights"_a.noconvert(),
             "means: (k, 3); covariances: (k, 3, 3), positive definite; weights: (k,), positive.")
        .def("components", &components, "positions"_a.noconvert(), "weights"_a.noconvert(), nb::kw_only(),
             "threads"_a = 0,
             "For each component, of mass one: (potential (k,), first (k, 3), curvature (k, 3, 3)), the sums over all\n"
             "cells of the integrals of |x - y_i|^2 - w_i and x - y_i, and over all facets of |y_i - y_j| n n^T times\n"
             "the integral of the density, n the normal.");

    const char* moments_doc =
        "As for the plane; edges are facets i <= j, i = j between a cell and its own image, and their integrals\n"
        "(f, 4) those of the density and of (x - y_i) times the density, next to y_i; with `second` also the six "
        "entries\n"
        "xx, xy, xz, yy, yz, zz of (x - y_i)(x - y_i)^T times the density, (f, 10). `near`: two arrays of indices of "
        "seeds\n"
        "whose cells may well meet, like the edges of a diagram with other weights: cells are the same, found sooner.";
    module.def("moments", &density_moments<UniformBox>, "density"_a, "positions"_a.noconvert(), "weights"_a.noconvert(),
               nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0, "near"_a = nb::none(), moments_doc);
    module.def("moments", &density_moments<Image>, "density"_a, "positions"_a.noconvert(), "weights"_a.noconvert(),
               nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0, "near"_a = nb::none(), moments_doc);
    module.def("moments", &density_moments<GaussianMixture>, "density"_a, "positions"_a.noconvert(),
               "weights"_a.noconvert(), nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0,
               "near"_a = nb::none(), moments_doc);

    module.def("space_cells", &polyhedra, "positions"_a.noconvert(), "weights"_a.noconvert(), "box"_a.noconvert(),
               "periodic"_a.noconvert(), "planes"_a = nb::none(),
               "Polyhedra of all cells in a box, or in what half spaces leave of it (see SpaceBox): (vertex_start (n + "
               "1,), vertices (v, 3), face_start (n + 1,), labels\n"
               "(f,), displacement (f, 3), corner_start (f + 1,), corners), where the corners of a face number the\n"
               "vertices of its cell, counterclockwise seen from outside, and its label is the neighbour across it,\n"
               "-1 on the boundary of the domain.");
}

}  // namespace diracs::space
