// How many threads work is shared among.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>

namespace diracs {

// Of the process: as many as the machine has if zero.
inline std::atomic<int>& thread_limit() {
    static std::atomic<int> limit{0};
    return limit;
}

// Of what the calling thread does, one of several that work already; none of its own if zero.
inline int& own_thread_limit() {
    thread_local int limit = 0;
    return limit;
}

// As many as asked for, or as the limits allow if zero.
inline int thread_count(int asked) {
    for (const int limit : {asked, own_thread_limit(), thread_limit().load()}) {
        if (limit > 0) return limit;
    }
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace diracs
