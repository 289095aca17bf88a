// The classes Covering and SpaceCovering and the functions rectangle_moments and box_moments of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "covering/covering.hpp"
#include "python/arrays.hpp"
#include "gaussian/mixture.hpp"
#include "numeric/parallel.hpp"
#include "gaussian/rectangle_moments.hpp"
#include "space/box_moments.hpp"
#include "space/mixture.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

template <int D>
using PointsOf = Input<double, nb::shape<-1, D>>;

template <int D>
void check_corners(const PointsOf<D>& low, const PointsOf<D>& high) {
    const std::size_t m = low.shape(0);
    if (high.shape(0) != m) throw nb::value_error("low and high differ in length");
    if (!all_finite(low.data(), D * m) || !all_finite(high.data(), D * m)) {
        throw nb::value_error("corners must be finite");
    }
}

// `compute` is rectangle_moments or box_moments, with so many kinds of rounding.
template <int D, int kErrors, class Mixture, class Compute>
nb::tuple moments(const Mixture& mixture, const PointsOf<D>& low, const PointsOf<D>& high, int threads,
                  const Compute& compute) {
    check_corners<D>(low, high);
    const std::size_t m = low.shape(0);
    decltype(compute(mixture, low.data(), high.data(), m, threads)) result;
    {
        const Unlocked unlocked;
        result = compute(mixture, low.data(), high.data(), m, threads);
    }
    return nb::make_tuple(array(std::move(result.mass)), array(std::move(result.centroid), {m, D}),
                          array(std::move(result.second)), array(std::move(result.peak)),
                          array(std::move(result.rounding), {m, kErrors}));
}

// A covering that remembers how many boxes it has.
template <int D>
class SizedCovering {
    using Points = PointsOf<D>;

    Covering<D> covering_;
    std::size_t size_;

    void check(const Numbers& values) const {
        if (values.shape(0) != size_) throw nb::value_error("one value for each box is needed");
        const auto valid = [](double x) { return x >= 0.0 && std::isfinite(x); };
        if (!std::all_of(values.data(), values.data() + size_, valid)) {
            throw nb::value_error("values must be finite and not negative");
        }
    }

    // Packs of N consecutive points: neighbours in the list should be neighbours in space.
    template <int N, class Use>
    static void for_packs(const Points& points, int threads, const Use& use) {
        constexpr std::size_t most = N;
        parallel_for(points.shape(0), 128, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; i += most) {
                    use(i, Pack<D, N>(points.data() + D * i, std::min(most, end - i)));
                }
            };
        });
    }

    template <bool kBound, int N>
    void add_gains(const Points& points, int threads, double* result) const {
        for_packs<N>(points, threads, [&](std::size_t i, const Pack<D, N>& pack) {
            covering_.template gains<kBound>(pack, result + i);
        });
    }

public:
    explicit SizedCovering(const Boxes& given) : covering_(given), size_(given.size) {}

    nb::ndarray<nb::numpy, double> gains(const Numbers& allowances, const Points& points, bool bound, bool dense,
                                         int threads) {
        check(allowances);
        std::vector<double> result(points.shape(0));
        {
            const Unlocked unlocked;
            covering_.allow(allowances.data());
            if (bound && dense) {
                add_gains<true, 32>(points, threads, result.data());
            } else if (bound) {
                add_gains<true, 8>(points, threads, result.data());
            } else {
                add_gains<false, 8>(points, threads, result.data());
            }
        }
        return array(std::move(result));
    }

    nb::ndarray<nb::numpy, double> radii(const Numbers& facilities, const Points& points, const Numbers& start,
                                         int steps, int threads) {
        check(facilities);
        if (start.shape(0) != points.shape(0)) throw nb::value_error("points and start differ in length");
        std::vector<double> result(start.data(), start.data() + start.shape(0));
        {
            const Unlocked unlocked;
            covering_.place(facilities.data());
            for_packs<8>(points, threads,
                         [&](std::size_t i, const Pack<D>& pack) { covering_.radii(pack, steps, result.data() + i); });
        }
        return array(std::move(result));
    }
};

template <int D>
void bind(nb::module_& module, const char* name) {
    using Covering = SizedCovering<D>;
    using Points = PointsOf<D>;
    nb::class_<Covering>(module, name, "Sums over balls, discs in the plane, of a law known by moments of boxes.")
        .def(
            "__init__",
            [](Covering* self, const Points& low, const Points& high, const Numbers& mass, const Points& centroid,
               const Numbers& second, const Numbers& peak) {
                check_corners<D>(low, high);
                const std::size_t m = low.shape(0);
                if (mass.shape(0) != m || centroid.shape(0) != m || second.shape(0) != m || peak.shape(0) != m) {
                    throw nb::value_error("corners and moments differ in length");
                }
                new (self)
                    Covering({low.data(), high.data(), mass.data(), centroid.data(), second.data(), peak.data(), m});
            },
            "low"_a.noconvert(), "high"_a.noconvert(), "mass"_a.noconvert(), "centroid"_a.noconvert(),
            "second"_a.noconvert(), "peak"_a.noconvert(),
            "Corners (m, d), masses, centroids (m, d), second moments about them, largest densities of boxes.")
        .def("gains", &Covering::gains, "allowances"_a.noconvert(), "points"_a.noconvert(), nb::kw_only(), "bound"_a,
             "dense"_a = false, "threads"_a = 0,
             "The sum over boxes of the integral of max(0, t - |x - y|^2), t the allowance of the box, for each point\n"
             "y: upper bounds, or estimates. Bounds at points that are closer together than boxes: dense.")
        .def("radii", &Covering::radii, "facilities"_a.noconvert(), "points"_a.noconvert(), "start"_a.noconvert(),
             nb::kw_only(), "steps"_a = 60, "threads"_a = 0,
             "About the radius of the ball around each point that holds one facility, if each box has so many.");
}

}  // namespace

void bind_covering(nb::module_& module) {
    module.def(
        "rectangle_moments",
        [](const GaussianMixture& mixture, const PointsOf<2>& low, const PointsOf<2>& high, int threads) {
            return moments<2, 2>(mixture, low, high, threads, rectangle_moments);
        },
        "mixture"_a, "low"_a.noconvert(), "high"_a.noconvert(), nb::kw_only(), "threads"_a = 0,
        "For rectangles with these corners (m, 2): mass, centroid (m, 2), second moment about it, a bound on the\n"
        "density, and errors (m, 2) of first and second moment.");
    module.def(
        "box_moments",
        [](const space::GaussianMixture& mixture, const PointsOf<3>& low, const PointsOf<3>& high, int threads) {
            return moments<3, 3>(mixture, low, high, threads, space::box_moments);
        },
        "mixture"_a, "low"_a.noconvert(), "high"_a.noconvert(), nb::kw_only(), "threads"_a = 0,
        "For boxes with these corners (m, 3): mass, centroid (m, 3), second moment about it, a bound on the density,\n"
        "and errors (m, 3) of mass, first and second moment.");
    bind<2>(module, "Covering");
    bind<3>(module, "SpaceCovering");
}

}  // namespace diracs
