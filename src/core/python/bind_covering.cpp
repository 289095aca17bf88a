// The class Covering and the function rectangle_moments of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "python/arrays.hpp"
#include "plane/covering.hpp"
#include "gaussian/mixture.hpp"
#include "numeric/parallel.hpp"
#include "gaussian/rectangle_moments.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

using Pair = Input<double, nb::shape<2>>;

void check_corners(const Points& low, const Points& high) {
    const std::size_t m = low.shape(0);
    if (high.shape(0) != m) throw nb::value_error("low and high differ in length");
    if (!all_finite(low.data(), 2 * m) || !all_finite(high.data(), 2 * m)) {
        throw nb::value_error("corners must be finite");
    }
}

nb::tuple moments(const GaussianMixture& mixture, const Points& low, const Points& high, int threads) {
    check_corners(low, high);
    const std::size_t m = low.shape(0);
    RectangleMoments result;
    {
        const Unlocked unlocked;
        result = rectangle_moments(mixture, low.data(), high.data(), m, threads);
    }
    return nb::make_tuple(array(std::move(result.mass)), array(std::move(result.centroid), {m, 2}),
                          array(std::move(result.second)), array(std::move(result.peak)),
                          array(std::move(result.rounding), {m, 2}));
}

// A covering that remembers how many rectangles it has.
struct SizedCovering : Covering {
    std::size_t size;

    explicit SizedCovering(const Rectangles& given) : Covering(given), size(given.size) {}

    void check(const Numbers& values) const {
        if (values.shape(0) != size) throw nb::value_error("one value for each rectangle is needed");
        const auto valid = [](double x) { return x >= 0.0 && std::isfinite(x); };
        if (!std::all_of(values.data(), values.data() + size, valid)) {
            throw nb::value_error("values must be finite and not negative");
        }
    }
};

// Packs of consecutive points: neighbours in the list should be neighbours in the plane.
constexpr std::size_t kPack = Pack::kMost;

template <class Use>
void for_packs(std::size_t m, int threads, const Use& use) {
    parallel_for(m, 16 * kPack, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; i += kPack) use(i, std::min(kPack, end - i));
        };
    });
}

nb::ndarray<nb::numpy, double> gains(SizedCovering& covering, const Numbers& allowances, const Points& points,
                                     bool bound, int threads) {
    covering.check(allowances);
    std::vector<double> result(points.shape(0));
    {
        const Unlocked unlocked;
        covering.allow(allowances.data());
        for_packs(result.size(), threads, [&](std::size_t i, std::size_t count) {
            const Pack pack(points.data() + 2 * i, count);
            bound ? covering.gains<true>(pack, result.data() + i) : covering.gains<false>(pack, result.data() + i);
        });
    }
    return array(std::move(result));
}

nb::ndarray<nb::numpy, double> reaches(SizedCovering& covering, const Numbers& allowances, const Points& centers,
                                       const Pair& half, int threads) {
    covering.check(allowances);
    std::vector<double> result(centers.shape(0));
    {
        const Unlocked unlocked;
        covering.allow(allowances.data());
        const Vec2 sides = {half.data()[0], half.data()[1]};
        for_packs(result.size(), threads, [&](std::size_t i, std::size_t count) {
            covering.reaches(Pack(centers.data() + 2 * i, count), sides, result.data() + i);
        });
    }
    return array(std::move(result));
}

nb::ndarray<nb::numpy, double> radii(SizedCovering& covering, const Numbers& facilities, const Points& points,
                                     const Numbers& start, int steps, int threads) {
    covering.check(facilities);
    if (start.shape(0) != points.shape(0)) throw nb::value_error("points and start differ in length");
    std::vector<double> result(start.data(), start.data() + start.shape(0));
    {
        const Unlocked unlocked;
        covering.place(facilities.data());
        for_packs(result.size(), threads, [&](std::size_t i, std::size_t count) {
            covering.radii(Pack(points.data() + 2 * i, count), steps, result.data() + i);
        });
    }
    return array(std::move(result));
}

}  // namespace

void bind_covering(nb::module_& module) {
    module.def(
        "rectangle_moments", &moments, "mixture"_a, "low"_a.noconvert(), "high"_a.noconvert(), nb::kw_only(),
        "threads"_a = 0,
        "For rectangles with these corners (m, 2): mass, centroid (m, 2), second moment about it, a bound on the\n"
        "density, and errors (m, 2) of first and second moment.");

    nb::class_<SizedCovering>(module, "Covering", "Sums over discs of a law known by moments of rectangles.")
        .def(
            "__init__",
            [](SizedCovering* self, const Points& low, const Points& high, const Numbers& mass, const Points& centroid,
               const Numbers& second, const Numbers& peak) {
                check_corners(low, high);
                const std::size_t m = low.shape(0);
                if (mass.shape(0) != m || centroid.shape(0) != m || second.shape(0) != m || peak.shape(0) != m) {
                    throw nb::value_error("corners and moments differ in length");
                }
                new (self) SizedCovering(
                    {low.data(), high.data(), mass.data(), centroid.data(), second.data(), peak.data(), m});
            },
            "low"_a.noconvert(), "high"_a.noconvert(), "mass"_a.noconvert(), "centroid"_a.noconvert(),
            "second"_a.noconvert(), "peak"_a.noconvert(),
            "Corners (m, 2), masses, centroids (m, 2), second moments about them, largest densities of rectangles.")
        .def("gains", &gains, "allowances"_a.noconvert(), "points"_a.noconvert(), nb::kw_only(), "bound"_a,
             "threads"_a = 0,
             "The sum over rectangles of the integral of max(0, t - |x - y|^2), t the allowance of the rectangle, for\n"
             "each point y: upper bounds, or estimates.")
        .def("reaches", &reaches, "allowances"_a.noconvert(), "centers"_a.noconvert(), "half"_a.noconvert(),
             nb::kw_only(), "threads"_a = 0,
             "Upper bounds on the mass where |x - y|^2 < t for some y of a box, for boxes with half sides `half` (2,).")
        .def("radii", &radii, "facilities"_a.noconvert(), "points"_a.noconvert(), "start"_a.noconvert(), nb::kw_only(),
             "steps"_a = 60, "threads"_a = 0,
             "About the radius of the disc around each point that holds one facility, if each rectangle has so many.");
}

}  // namespace diracs
