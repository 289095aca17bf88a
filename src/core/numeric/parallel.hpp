// Work over a range of indices on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "numeric/interrupt.hpp"
#include "numeric/threads.hpp"

namespace diracs {

// Calls work(begin, end) on consecutive ranges of 0 … n − 1 of the given size, each once, in any order; `make_work()`
// gives every thread its own `work`, with its own scratch memory. The first exception is rethrown here; one of those
// is an interrupt, seen by the calling thread, which works too, between ranges or where `work` polls.
template <class MakeWork>
void parallel_for(std::size_t n, std::size_t size, int threads, const MakeWork& make_work) {
    std::atomic<std::size_t> following{0};
    std::atomic<bool> stopped{false};
    // A thread is worth starting for two ranges.
    const std::size_t ranges = (n + size - 1) / size, most = std::max<std::size_t>(1, ranges / 2);
    std::vector<std::exception_ptr> failures(std::min<std::size_t>(most, thread_count(threads)));
    const auto run = [&](std::size_t thread) {
        try {
            auto work = make_work();
            for (std::size_t begin; (begin = following.fetch_add(size)) < n;) {
                work(begin, std::min(n, begin + size));
                poll_interrupt();
            }
        } catch (const Stopped&) {
            following = n;
            stopped = true;
        } catch (...) {
            failures[thread] = std::current_exception();
            following = n;
            stopped = true;
        }
    };
    const auto help = [&](std::size_t thread) {
        stop_flag() = &stopped;
        own_thread_limit() = 1;
        run(thread);
    };
    std::vector<std::thread> pool;
    pool.reserve(failures.size());
    try {
        for (std::size_t thread = 1; thread < failures.size(); ++thread) pool.emplace_back(help, thread);
    } catch (const std::system_error&) {
        // The system has no more threads: those that run do all the work.
    }
    run(0);
    for (std::thread& thread : pool) thread.join();
    for (const std::exception_ptr& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }
    // This thread worked for another that has stopped.
    if (stopped) throw Stopped();
}

}  // namespace diracs
