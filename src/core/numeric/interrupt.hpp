// Ctrl-C: long computations look now and then whether they are to stop.
#pragma once

#include <atomic>
#include <chrono>

namespace diracs {

// While it lives, poll_interrupt() on this thread calls `check`, which throws to stop.
class Interruptible {
public:
    using Check = void (*)();

    explicit Interruptible(Check check) : outer_(current()) { current() = check; }
    ~Interruptible() { current() = outer_; }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

    static Check& current() {
        thread_local Check check = nullptr;
        return check;
    }

private:
    Check outer_;
};

// What poll_interrupt() throws on the threads that work for one that has stopped.
struct Stopped {};

// On such a thread: set once the others are to stop.
inline const std::atomic<bool>*& stop_flag() {
    thread_local const std::atomic<bool>* flag = nullptr;
    return flag;
}

// Cheap enough for every millisecond of work; asks twenty times a second at most, since it takes Python's lock.
inline void poll_interrupt() {
    using Clock = std::chrono::steady_clock;
    if (const std::atomic<bool>* flag = stop_flag(); flag != nullptr && flag->load(std::memory_order_relaxed)) {
        throw Stopped();
    }
    const Interruptible::Check check = Interruptible::current();
    if (check == nullptr) return;
    thread_local Clock::time_point last{};
    const Clock::time_point now = Clock::now();
    if (now - last < std::chrono::milliseconds(50)) return;
    last = now;
    check();
}

}  // namespace diracs
