"""The limit on threads, and the sharing of work among them."""

import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import diracs
from diracs import _core, get_threads, set_threads
from diracs.backend.members import for_each, over_members
from diracs.backend.processors import available_processors


def test_the_limit_is_kept_and_restored():
    before = get_threads()
    with set_threads(3):
        assert get_threads() == 3
        with set_threads(1):
            assert get_threads() == 1
        assert get_threads() == 3
        set_threads(None)
        assert get_threads() == available_processors()
    assert get_threads() == before


@pytest.mark.parametrize("threads", [0, -1, 5000, 1.5, True, "2"])
def test_other_limits_are_refused(threads):
    with pytest.raises((ValueError, TypeError), match="threads must be"):
        set_threads(threads)


def imported_with(value):
    return subprocess.run(
        [sys.executable, "-c", "import diracs; print(diracs.get_threads())"],
        capture_output=True,
        text=True,
        env={**os.environ, "DIRACS_NUM_THREADS": value},
        check=False,
    )


def test_the_environment_has_its_say():
    assert imported_with("7").stdout.strip() == "7"
    found = imported_with("all")
    assert "DIRACS_NUM_THREADS must be a whole number from 1 to 4096, got 'all'" in found.stderr


@pytest.mark.parametrize(
    ("group", "files", "quota"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, 2),
        ("0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/a", {"cpu.max": "max 100000"}, math.inf),
        ("1:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"}, 3),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("1:memory:/", {"cpu.max": "1000 100000"}, math.inf),
    ],
)
def test_control_groups_bound_the_processors(tmp_path, monkeypatch, group, files, quota):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for name, text in {"proc/self/cgroup": group, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert available_processors(tmp_path) == min(64, quota)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_each_member_is_worked_on_once_with_one_thread(threads):
    seen, limits = [], []

    def work(k):
        seen.append(k)
        limits.append(get_threads())
        return k * k

    with set_threads(threads):
        assert for_each(work, 50) == [k * k for k in range(50)]
        assert get_threads() == threads
    assert sorted(seen) == list(range(50))
    # Batches of batches, and the core inside of a batch, start no threads of their own.
    assert set(limits) == {1}
    assert for_each(work, 0) == []


def test_members_do_run_side_by_side():
    both = threading.Barrier(2, timeout=60)
    with set_threads(2):
        for_each(lambda k: both.wait(), 2)


def test_the_first_failure_in_order_is_raised():
    def work(k):
        if k == 3:
            time.sleep(0.02)
        if k >= 3:
            raise ValueError(f"bad {k}")

    for threads in (1, 4):
        with set_threads(threads), pytest.raises(ValueError, match="problem 3 of the batch: bad 3"):
            for_each(work, 20)
    with set_threads(2), pytest.raises(ZeroDivisionError):
        for_each(lambda k: 1 // (k - 1), 4)
    with set_threads(2):
        assert get_threads() == 2


def test_threads_keep_how_numpy_treats_overflow():
    with set_threads(2), np.errstate(over="raise"):
        assert for_each(lambda _: np.geterr()["over"], 8) == ["raise"] * 8


def test_leading_axes_of_length_one_are_shared():
    x, y = np.arange(6.0).reshape(2, 3, 1), np.arange(4.0).reshape(1, 1, 4)
    (found,) = over_members(lambda both: [both[0].sum() * both[1]], [x, y], 2, [(4,)])
    np.testing.assert_array_equal(found, x * y)
    assert over_members(lambda both: [both[0]], [np.zeros((0, 2, 5))], 1, [(2, 5)])[0].shape == (0, 2, 5)


STOPPED = """
import os, signal, threading, time
import numpy as np
import diracs
from diracs.backend.members import for_each
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
y = rng.normal(size=(100_000, 2)); k = 3000
law = diracs._core.Mixture(rng.normal(size=(k, 2)), np.tile(np.eye(2), (k, 1, 1)), np.ones(k))
started = threading.Barrier(2, action=lambda: threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start())
def work(_):
    started.wait()
    diracs._core.moments(law, y, np.zeros(len(y)), edges=True)
diracs.set_threads(2)
begin = time.process_time()
try:
    for_each(work, 2)
except KeyboardInterrupt:
    print("stopped", time.process_time() - begin, threading.active_count(), diracs.get_threads())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_stops_all_threads():
    found = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, check=False)
    assert found.stdout.startswith("stopped"), found.stderr
    _, seconds, alive, threads = found.stdout.split()
    # The work takes minutes; the timer may be at its end still.
    assert float(seconds) < 10.0
    assert int(alive) <= 2 and threads == "2"


def test_results_of_the_core_do_not_depend_on_the_limit():
    rng = np.random.default_rng(1)
    y, w = rng.random((3000, 2)), np.zeros(3000)
    law = _core.Image(rng.random((9, 7)), np.array([[0.0, 0.0], [1.0, 1.0]]))
    with diracs.set_threads(1):
        one = _core.moments(law, y, w, edges=True)[0].mass
    with diracs.set_threads(4):
        np.testing.assert_array_equal(_core.moments(law, y, w, edges=True)[0].mass, one)


def test_the_limit_is_shown():
    with (limit := set_threads(1)):
        assert repr(limit) == "set_threads(1)"
