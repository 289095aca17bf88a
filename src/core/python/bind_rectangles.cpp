// The functions rectangle_masses and doubled_masses of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "python/arrays.hpp"
#include "gaussian/rectangles.hpp"
#include "numeric/doubled.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

nb::ndarray<nb::numpy, double> masses(const Rows& a, const Rows& b, const Numbers& correlation, const Numbers& panel,
                                      int threads) {
    const std::size_t count = a.shape(0);
    if (b.shape(0) != count || correlation.shape(0) != count || panel.shape(0) != count) {
        throw nb::value_error("a, b, correlation and panel differ in length");
    }
    if (a.shape(1) < 2 || b.shape(1) < 2) throw nb::value_error("a and b need at least two borders");
    for (std::size_t k = 0; k < count; ++k) {
        if (!(std::fabs(correlation.data()[k]) < 1.0)) throw nb::value_error("correlations must lie inside (-1, 1)");
        if (!(panel.data()[k] > 1e-3)) throw nb::value_error("panels must not be shorter than 1e-3");
    }
    const std::size_t rows = a.shape(1) - 1, columns = b.shape(1) - 1;
    std::vector<double> result(count * rows * columns);
    {
        const Unlocked unlocked;
        rectangle_masses(a.data(), static_cast<int>(rows), b.data(), static_cast<int>(columns), correlation.data(),
                         panel.data(), count, threads, result.data());
    }
    return array(std::move(result), {count, rows, columns});
}

nb::tuple summed(const Rows& arriving, const Numbers& shares, const Numbers& lower, const Indices& groups,
                 std::size_t count, int threads) {
    const std::size_t k = arriving.shape(0), n = arriving.shape(1);
    if (shares.shape(0) != k || lower.shape(0) != k || groups.shape(0) != k) {
        throw nb::value_error("arriving, shares, lower and groups differ in length");
    }
    if (!std::all_of(groups.data(), groups.data() + k, [&](int g) { return g >= 0 && std::size_t(g) < count; })) {
        throw nb::value_error("groups must be numbers from 0 to count - 1");
    }
    std::vector<double> high(count * n), low(count * n);
    {
        const Unlocked unlocked;
        doubled_masses(arriving.data(), k, n, shares.data(), lower.data(), groups.data(), threads, high.data(),
                       low.data());
    }
    return nb::make_tuple(array(std::move(high), {count, n}), array(std::move(low), {count, n}));
}

}  // namespace

void bind_rectangles(nb::module_& module) {
    module.def("rectangle_masses", &masses, "a"_a.noconvert(), "b"_a.noconvert(), "correlation"_a.noconvert(),
               "panel"_a.noconvert(), nb::kw_only(), "threads"_a = 0,
               "Masses (k, rows, columns) of the cells of grids under standard bivariate normals: borders a (k, rows + "
               "1) and\n"
               "b (k, columns + 1), sorted, correlations inside (-1, 1), lengths of the panels of integration.");
    module.def("doubled_masses", &summed, "arriving"_a.noconvert(), "shares"_a.noconvert(), "lower"_a.noconvert(),
               "groups"_a.noconvert(), "count"_a, nb::kw_only(), "threads"_a = 0,
               "Masses (count, n) to twice the digits, as two arrays: sums over the rows of each group of `arriving` "
               "(k, n),\n"
               "normalized, times shares + lower (k,). Rows of share zero do not count.");
}

}  // namespace diracs
