// The function transport_small of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "numeric/parallel.hpp"
#include "python/arrays.hpp"
#include "transport/small_problem.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

constexpr std::size_t kMaxPixels = std::size_t{1} << 24;

void check(const Stack& images, const Box& box, const Stack& positions, const Rows& masses) {
    const std::size_t count = positions.shape(0), n = positions.shape(1);
    if (positions.shape(2) != 2) throw nb::value_error("positions must have shape (b, n, 2)");
    if (n == 0 || n >= std::size_t{1} << 27) throw nb::value_error("there are from 1 to 2^27 positions");
    if (masses.shape(1) != n) throw nb::value_error("positions and masses differ in length");
    const auto goes_with = [count](std::size_t k) { return k == 1 || k == count; };
    if (!goes_with(masses.shape(0)) || !goes_with(images.shape(0))) {
        throw nb::value_error("masses and images must be one, or one for each problem");
    }
    if (images.size() == 0 || images.shape(1) > kMaxPixels || images.shape(2) > kMaxPixels) {
        throw nb::value_error("an image has from 1 to 2^24 pixels along each axis");
    }
    if (!(box.data()[2] > box.data()[0]) || !(box.data()[3] > box.data()[1]) || !all_finite(box.data(), 4)) {
        throw nb::value_error("a box has a lowest and a highest corner");
    }
}

nb::tuple transport_small(const Stack& images, const Box& box, const Stack& positions, const Rows& masses,
                          double tolerance, int threads) {
    check(images, box, positions, masses);
    const std::size_t count = positions.shape(0), n = positions.shape(1), pixels = images.shape(1) * images.shape(2);
    std::vector<double> distance(count), error(count), mass(count * n), first(2 * count * n), second(count * n),
        weights(count * n);
    std::vector<int> iterations(count);
    std::vector<std::uint8_t> solved(count, 0);
    {
        const Unlocked unlocked;
        const auto image = [&](std::size_t k) -> std::unique_ptr<const UnitImage> {
            const double *values = images.data() + k * pixels, *b = box.data();
            const auto is_density = [](double x) { return x >= 0.0 && std::isfinite(x); };
            if (!std::all_of(values, values + pixels, is_density)) return nullptr;
            return std::make_unique<const UnitImage>(values, static_cast<int>(images.shape(1)),
                                                     static_cast<int>(images.shape(2)), b[0], b[1], b[2], b[3]);
        };
        const bool one = images.shape(0) == 1;
        const auto common = one ? image(0) : nullptr;
        // Many problems are work for as many threads; a single one may have them all.
        const int inner = count == 1 ? threads : 1;
        parallel_for(count, 1, threads, [&] {
            return [&](std::size_t k, std::size_t) {
                const auto own = one ? nullptr : image(k);
                const UnitImage* const law = one ? common.get() : own.get();
                if (law == nullptr) return;
                SmallPlan plan{&mass[k * n], &first[2 * k * n], &second[k * n], &weights[k * n]};
                const double* const given = masses.data() + (masses.shape(0) == 1 ? 0 : k * n);
                if (!solve_small(*law, positions.data() + 2 * k * n, given, n, tolerance, inner, plan)) return;
                distance[k] = plan.distance;
                error[k] = plan.error;
                iterations[k] = plan.iterations;
                solved[k] = 1;
            };
        });
    }
    return nb::make_tuple(array(std::move(solved)), array(std::move(distance)), array(std::move(mass), {count, n}),
                          array(std::move(first), {count, n, 2}), array(std::move(second), {count, n}),
                          array(std::move(weights), {count, n}), array(std::move(error)), array(std::move(iterations)));
}

}  // namespace

void bind_transport(nb::module_& module) {
    module.def(
        "transport_small", &transport_small, "images"_a.noconvert(), "box"_a.noconvert(), "positions"_a.noconvert(),
        "masses"_a.noconvert(), "tolerance"_a, nb::kw_only(), "threads"_a = 0,
        "Transport from images (b or 1, nx, ny) of mass one, densities per area on a box about the origin, to Diracs "
        "at\n"
        "positions (b, n, 2) with masses (b or 1, n), each problem on one thread: which are solved (b,), and of these\n"
        "the distance (b,), mass (b, n), first (b, n, 2) and second moments (b, n) of the cells about the positions,\n"
        "weights (b, n), the largest |m - nu|/nu (b,) and Newton's steps (b,). What is not solved, zeros here, asks "
        "for\n"
        "more than a start and a few steps, or is no problem. threads = 0 takes all processors.");
}

}  // namespace diracs
