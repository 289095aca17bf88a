// NumPy arrays and the interpreter's lock in the Python module diracs._core.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"

namespace diracs {

template <class T, class... Rest>
using Input = nanobind::ndarray<const T, Rest..., nanobind::c_contig, nanobind::device::cpu>;

using Numbers = Input<double, nanobind::ndim<1>>;
using Rows = Input<double, nanobind::ndim<2>>;
using Stack = Input<double, nanobind::ndim<3>>;
using Indices = Input<int, nanobind::ndim<1>>;
using Points = Input<double, nanobind::shape<-1, 2>>;
using Matrices = Input<double, nanobind::shape<-1, 2, 2>>;
using Box = Input<double, nanobind::shape<2, 2>>;

// A NumPy array that owns the vector: no copy.
template <class T, class Allocator>
nanobind::ndarray<nanobind::numpy, T> array(std::vector<T, Allocator>&& values,
                                            std::initializer_list<std::size_t> shape) {
    auto* owned = new std::vector<T, Allocator>(std::move(values));
    nanobind::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T, Allocator>*>(p); });
    return nanobind::ndarray<nanobind::numpy, T>(owned->data(), shape, owner);
}

template <class T, class Allocator>
nanobind::ndarray<nanobind::numpy, T> array(std::vector<T, Allocator>&& values) {
    const std::size_t n = values.size();
    return array(std::move(values), {n});
}

inline bool all_finite(const double* begin, std::size_t count) {
    return std::all_of(begin, begin + count, [](double x) { return std::isfinite(x); });
}

// A class of diracs.cells.record.
inline nanobind::object record(const char* name) {
    return nanobind::module_::import_("diracs.cells.record").attr(name);
}

// Runs the handlers of signals that have come; throws if one of them raised, as Ctrl-C does with KeyboardInterrupt.
inline void check_signals() {
    nanobind::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

// Releases Python's lock for work that calls poll_interrupt().
class Unlocked {
    nanobind::gil_scoped_release release_;
    Interruptible interruptible_{&check_signals};
};

}  // namespace diracs
