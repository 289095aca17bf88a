// The class DistortionHessian of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include "codebook/distortion_hessian.hpp"
#include "python/arrays.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

// Of a dimension that arrays tell.
class AnyHessian {
    std::variant<DistortionHessian<1>, DistortionHessian<2>, DistortionHessian<3>> hessian_;
    std::size_t dimension_;

    template <int D>
    static DistortionHessian<D> of(const Numbers& mass, const FacetMoments& facets) {
        return DistortionHessian<D>(mass.data(), mass.shape(0), facets);
    }

    static decltype(hessian_) of_dimension(std::size_t d, const Numbers& mass, const FacetMoments& facets) {
        if (d == 1) return of<1>(mass, facets);
        if (d == 2) return of<2>(mass, facets);
        return of<3>(mass, facets);
    }

    std::size_t check(const Rows& x) const {
        const std::size_t n = std::visit([](const auto& own) { return own.size(); }, hessian_);
        if (x.shape(0) != n || x.shape(1) != dimension_) throw nb::value_error("one vector for each seed is needed");
        return n;
    }

public:
    AnyHessian(const Numbers& mass, const FacetMoments& facets, std::size_t d)
        : hessian_(of_dimension(d, mass, facets)), dimension_(d) {}

    nb::ndarray<nb::numpy, double> multiply(const Rows& x) const {
        const std::size_t n = check(x);
        std::vector<double> result(n * dimension_);
        {
            const Unlocked unlocked;
            std::visit([&](const auto& own) { own.multiply(x.data(), result.data()); }, hessian_);
        }
        return array(std::move(result), {n, dimension_});
    }

    nb::tuple step(const Rows& gradient, double radius, double accuracy, int products) const {
        const std::size_t n = check(gradient);
        TrustRegionStep result;
        {
            const Unlocked unlocked;
            const double* g = gradient.data();
            result = std::visit([&](const auto& own) { return own.step(g, radius, accuracy, products); }, hessian_);
        }
        return nb::make_tuple(array(std::move(result.step), {n, dimension_}), result.promised, result.cut);
    }
};

}  // namespace

void bind_codebook(nb::module_& module) {
    nb::class_<AnyHessian>(module, "DistortionHessian", "Second derivatives of E min |x - y_i|^2 in the seeds y.")
        .def(
            "__init__",
            [](AnyHessian* self, const Numbers& mass, const Indices& i, const Indices& j, const Rows& displacement,
               const Numbers& facet_mass, const Rows& first, const Stack& second) {
                const std::size_t f = i.shape(0), d = displacement.shape(1);
                if (j.shape(0) != f || displacement.shape(0) != f || facet_mass.shape(0) != f || first.shape(0) != f ||
                    second.shape(0) != f) {
                    throw nb::value_error("moments of facets differ in length");
                }
                if (d < 1 || d > 3 || first.shape(1) != d || second.shape(1) != d || second.shape(2) != d) {
                    throw nb::value_error("moments of facets are of one, two or three dimensions");
                }
                const auto seed = [&](int k) { return k >= 0 && static_cast<std::size_t>(k) < mass.shape(0); };
                if (!std::all_of(i.data(), i.data() + f, seed) || !std::all_of(j.data(), j.data() + f, seed)) {
                    throw nb::value_error("i and j are numbers of seeds");
                }
                new (self) AnyHessian(
                    mass, {i.data(), j.data(), displacement.data(), facet_mass.data(), first.data(), second.data(), f},
                    d);
            },
            "mass"_a.noconvert(), "i"_a.noconvert(), "j"_a.noconvert(), "displacement"_a.noconvert(),
            "facet_mass"_a.noconvert(), "first"_a.noconvert(), "second"_a.noconvert(),
            "Masses of cells (n,), and moments of their facets, as in diracs.cells.facets.FacetMoments.")
        .def("multiply", &AnyHessian::multiply, "x"_a.noconvert(), "The product with x (n, d).")
        .def("step", &AnyHessian::step, "gradient"_a.noconvert(), nb::kw_only(), "radius"_a, "accuracy"_a, "products"_a,
             "Step (n, d) against a gradient (n, d) of at most this length in the metric of masses, the decrease it\n"
             "promises, and whether it was cut short: by conjugate gradients, until the gradient has fallen to this\n"
             "share, or so many products are made.");
}

}  // namespace diracs
