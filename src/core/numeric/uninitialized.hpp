// Vectors whose numbers are written before they are read: making one touches no memory, so that the threads that fill it
// also share the work of getting its pages.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace diracs {

template <class T>
struct Uninitialized : std::allocator<T> {
    template <class U>
    struct rebind {
        using other = Uninitialized<U>;
    };

    template <class U>
    void construct(U* place) {
        ::new (static_cast<void*>(place)) U;
    }
    template <class U, class... Values>
    void construct(U* place, Values&&... values) {
        ::new (static_cast<void*>(place)) U(std::forward<Values>(values)...);
    }
};

template <class T>
using RawVector = std::vector<T, Uninitialized<T>>;

}  // namespace diracs
