// The Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "python/arrays.hpp"
#include "python/records.hpp"
#include "plane/cell.hpp"
#include "gaussian/component_moments.hpp"
#include "pixels/image.hpp"
#include "numeric/interrupt.hpp"
#include "gaussian/mixture.hpp"
#include "plane/moments.hpp"
#include "plane/uniform.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

constexpr std::size_t kMaxPixels = std::size_t{1} << 24;

std::vector<Vec2> polygon_vertices(const Points& vertices) {
    if (vertices.shape(0) < 3) throw nb::value_error("a polygon has at least three vertices");
    std::vector<Vec2> result(vertices.shape(0));
    for (std::size_t k = 0; k < result.size(); ++k) result[k] = {vertices.data()[2 * k], vertices.data()[2 * k + 1]};
    return result;
}

nb::tuple cells(const Points& positions, const Numbers& weights, const Points& domain_vertices) {
    check_sizes(positions, weights);
    const std::size_t n = positions.shape(0);
    std::vector<std::int64_t> indptr(n + 1, 0);
    std::vector<double> vertices;
    std::vector<int> labels;
    {
        const Unlocked unlocked;
        const std::vector<Vec2> domain = polygon_vertices(domain_vertices);
        const PowerCells diagram(positions.data(), weights.data(), n, domain, 0);
        std::vector<int> rank(n, -1);
        for (int r = 0; r < diagram.ranks(); ++r) rank[diagram.index(r)] = r;
        CellScratch scratch;
        for (std::size_t i = 0; i < n; ++i) {
            if (i % 256 == 0) poll_interrupt();
            if (rank[i] >= 0) {
                const Vec2 origin = diagram.nearest_in_box(rank[i]);
                const Polygon& cell = diagram.cell(rank[i], origin, scratch);
                for (std::size_t k = 0; k < cell.size(); ++k) {
                    const Vec2 v = origin + cell[k];
                    vertices.push_back(v.x);
                    vertices.push_back(v.y);
                    labels.push_back(cell.labels[k] < 0 ? kDomainEdge : diagram.index(cell.labels[k]));
                }
            }
            indptr[i + 1] = static_cast<std::int64_t>(labels.size());
        }
    }
    const std::size_t total = labels.size();
    return nb::make_tuple(array(std::move(indptr)), array(std::move(vertices), {total, 2}), array(std::move(labels)));
}

// An image that remembers its shape, for arrays over its pixels.
struct ShapedImage : Image {
    std::size_t nx, ny;

    ShapedImage(const Rows& values, const Box& box)
        : Image(values.data(), static_cast<int>(values.shape(0)), static_cast<int>(values.shape(1)), box.data()[0],
                box.data()[1], box.data()[2], box.data()[3]),
          nx(values.shape(0)),
          ny(values.shape(1)) {}
};

// ∫ min over i of |x − yᵢ|² − wᵢ on every pixel.
nb::ndarray<nb::numpy, double> potential(const ShapedImage& image, const Points& positions, const Numbers& weights) {
    check_sizes(positions, weights);
    std::vector<double> integral(image.nx * image.ny, 0.0);
    {
        const Unlocked unlocked;
        const PowerCells cells(positions.data(), weights.data(), positions.shape(0), image.domain(), 0);
        CellScratch scratch;
        for (int r = 0; r < cells.ranks(); ++r) {
            poll_interrupt();
            const Vec2 y = cells.position(r);
            image.add_potential(cells.cell(r, y, scratch), y, cells.weight(r), integral.data());
        }
    }
    return array(std::move(integral), {image.nx, image.ny});
}

nb::tuple components(const GaussianMixture& mixture, const Points& positions, const Numbers& weights, int threads) {
    check_sizes(positions, weights);
    ComponentMoments result;
    {
        const Unlocked unlocked;
        result = component_moments(mixture, positions.data(), weights.data(), positions.shape(0), threads);
    }
    const std::size_t k = mixture.size();
    return nb::make_tuple(array(std::move(result.potential)), array(std::move(result.first), {k, 2}),
                          array(std::move(result.curvature), {k, 2, 2}));
}

}  // namespace

void bind_codebook(nb::module_& module);    // bind_codebook.cpp
void bind_covering(nb::module_& module);    // bind_covering.cpp
void bind_laplacian(nb::module_& module);   // bind_laplacian.cpp
void bind_merging(nb::module_& module);     // bind_merging.cpp
void bind_mesh(nb::module_& module);        // bind_mesh.cpp
void bind_rectangles(nb::module_& module);  // bind_rectangles.cpp
void bind_spots(nb::module_& module);       // bind_spots.cpp
void bind_threads(nb::module_& module);     // bind_threads.cpp
void bind_transport(nb::module_& module);   // bind_transport.cpp

namespace space {
void bind_space(nb::module_& module);  // bind_space.cpp
}

}  // namespace diracs

NB_MODULE(_core, module) {
    using namespace diracs;
    nb::set_leak_warnings(false);  // densities that live until Python exits, in a module say, are no mistake
    module.doc() =
        "Power diagrams of the plane and of space, and moments of their cells. Arrays are float64 and C-contiguous.";

    nb::class_<UniformPolygon>(module, "Polygon", "Constant density on a convex polygon.")
        .def(
            "__init__",
            [](UniformPolygon* self, const Points& vertices, double density) {
                new (self) UniformPolygon(polygon_vertices(vertices), density);
            },
            "vertices"_a.noconvert(), "density"_a, "vertices: (m, 2), convex, counterclockwise.");

    nb::class_<ShapedImage>(module, "Image", "Density that is constant on each pixel of a box.")
        .def(
            "__init__",
            [](ShapedImage* self, const Rows& values, const Box& box) {
                if (values.size() == 0 || values.shape(0) > kMaxPixels || values.shape(1) > kMaxPixels) {
                    throw nb::value_error("an image has from 1 to 2^24 pixels along each axis");
                }
                new (self) ShapedImage(values, box);
            },
            "values"_a.noconvert(), "box"_a.noconvert(),
            "values: (nx, ny), densities per area, the first axis is the first coordinate; box: [[x0, y0], [x1, y1]].")
        .def("potential", &potential, "positions"_a.noconvert(), "weights"_a.noconvert(),
             "The integral over each pixel (nx, ny) of the minimum over i of |x - y_i|^2 - w_i.");

    nb::class_<GaussianMixture>(module, "Mixture", "GaussianMixture (gaussian/mixture.hpp) on the whole plane.")
        .def(
            "__init__",
            [](GaussianMixture* self, const Points& means, const Matrices& covariances, const Numbers& weights) {
                const std::size_t k = means.shape(0);
                if (k == 0 || covariances.shape(0) != k || weights.shape(0) != k) {
                    throw nb::value_error("means, covariances and weights differ in length, or are empty");
                }
                const auto positive = [](double x) { return x > 0.0 && std::isfinite(x); };
                if (!all_finite(means.data(), 2 * k) || !all_finite(covariances.data(), 4 * k) ||
                    !std::all_of(weights.data(), weights.data() + k, positive)) {
                    throw nb::value_error("means and covariances must be finite, weights positive");
                }
                new (self) GaussianMixture(means.data(), covariances.data(), weights.data(), k);
            },
            "means"_a.noconvert(), "covariances"_a.noconvert(), "weights"_a.noconvert(),
            "means: (k, 2); covariances: (k, 2, 2), positive definite; weights: (k,), positive.")
        .def("components", &components, "positions"_a.noconvert(), "weights"_a.noconvert(), nb::kw_only(),
             "threads"_a = 0,
             "For each component, of mass one: (potential (k,), first (k, 2), curvature (k, 2, 2)), the sums over all\n"
             "cells of the integrals of |x - y_i|^2 - w_i and x - y_i, and over all edges of |y_i - y_j| n n^T times\n"
             "the integral of the density, n the normal.");

    const char* moments_doc =
        "The records Cells and Edges of diracs.cells.record: moments of each cell about its seed, and for each edge i "
        "< j\n"
        "the integrals (e, 3) of (1, t, t^2) against the density, t the coordinate along the edge, to the left of\n"
        "y_j - y_i, about the line through both; no edges if these are not asked for; `second` is for space. threads = "
        "0 takes all "
        "processors.";
    module.def("moments", &density_moments<UniformPolygon>, "density"_a, "positions"_a.noconvert(),
               "weights"_a.noconvert(), nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0, moments_doc);
    module.def("moments", &density_moments<ShapedImage>, "density"_a, "positions"_a.noconvert(),
               "weights"_a.noconvert(), nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0, moments_doc);

    module.def("moments", &density_moments<GaussianMixture>, "density"_a, "positions"_a.noconvert(),
               "weights"_a.noconvert(), nb::kw_only(), "edges"_a, "second"_a = false, "threads"_a = 0, moments_doc);

    nb::class_<FixedSeeds>(module, "FixedSeeds",
                           "Seeds of the plane that keep their triangulation from one choice of weights to the next.")
        .def(
            "__init__",
            [](FixedSeeds* self, const Points& positions) {
                if (!all_finite(positions.data(), 2 * positions.shape(0))) {
                    throw nb::value_error("positions must be finite");
                }
                new (self) FixedSeeds(positions);
            },
            "positions"_a.noconvert(), "positions: (n, 2), kept as they are: they must not be written.");
    const char* couplings_doc =
        "The records Cells and Couplings of diracs.cells.record, of seeds with weights (n,); the same numbers "
        "whatever\n"
        "weights there have been before. threads = 0 takes all processors.";
    module.def("couplings", &density_couplings<UniformPolygon>, "density"_a, "seeds"_a, "weights"_a.noconvert(),
               nb::kw_only(), "threads"_a = 0, couplings_doc);
    module.def("couplings", &density_couplings<ShapedImage>, "density"_a, "seeds"_a, "weights"_a.noconvert(),
               nb::kw_only(), "threads"_a = 0, couplings_doc);
    module.def("couplings", &density_couplings<GaussianMixture>, "density"_a, "seeds"_a, "weights"_a.noconvert(),
               nb::kw_only(), "threads"_a = 0, couplings_doc);

    module.def("cells", &cells, "positions"_a.noconvert(), "weights"_a.noconvert(), "domain_vertices"_a.noconvert(),
               "Polygons of all cells in a convex domain: (indptr, vertices (k, 2), labels), where an edge starts at "
               "its vertex and its label is the neighbour across it, -1 on the boundary of the domain.");
    bind_codebook(module);
    bind_covering(module);
    bind_laplacian(module);
    bind_merging(module);
    bind_rectangles(module);
    bind_spots(module);
    bind_threads(module);
    bind_transport(module);
    space::bind_space(module);
    bind_mesh(module);
}
