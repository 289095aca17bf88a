// Limits on threads, and how threads of Python share work, in the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <atomic>
#include <exception>

#include "numeric/interrupt.hpp"
#include "numeric/threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

struct Stop {
    std::atomic<bool> flag{false};
};

void translate(const std::exception_ptr& thrown, void*) {
    try {
        std::rethrow_exception(thrown);
    } catch (const Stopped&) {
        PyErr_SetString(PyExc_KeyboardInterrupt, "stopped by another thread");
    }
}

}  // namespace

void bind_threads(nb::module_& module) {
    nb::register_exception_translator(translate);
    module.def(
        "set_threads", [](int threads) { thread_limit() = threads; }, "threads"_a,
        "Most threads of one call; 0: as many as the machine has.");
    module.def("get_threads", [] { return thread_count(0); }, "Threads that a call from this thread takes at most.");
    module.def(
        "take_part", [](bool on) { own_thread_limit() = on ? 1 : 0; }, "on"_a,
        "Whether the calling thread is one of several that share work: its calls take no other threads then.");
    nb::class_<Stop>(module, "Stop", "Stops what other threads do in the core, with KeyboardInterrupt there.")
        .def(nb::init<>())
        .def("set", [](Stop& stop) { stop.flag = true; })
        .def("is_set", [](const Stop& stop) { return stop.flag.load(); })
        .def(
            "heed", [](const Stop& stop) { stop_flag() = &stop.flag; },
            "From now on the calling thread is stopped by this; it must end before this does.");
}

}  // namespace diracs
