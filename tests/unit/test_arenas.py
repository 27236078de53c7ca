"""The heaps of this process: bounded where the C library is glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from dragonfly_task_operator import arenas

_THREADS = 16
_PROGRAM = f"""
import ctypes, sys, threading
from dragonfly_task_operator import arenas

if sys.argv[1] == "bounded":
    assert arenas.bound()
malloc = ctypes.PyDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
together = threading.Barrier({_THREADS})

def allocate():
    together.wait()
    for _ in range(1000):
        malloc(4000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range({_THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def heaps(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, how], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has other heaps")
def test_threads_share_two_heaps() -> None:
    assert heaps("unbounded") > arenas.MOST
    assert heaps("bounded") == arenas.MOST


_LARGE_PROGRAM = """
import ctypes, sys
from dragonfly_task_operator import arenas

if sys.argv[1] == "bounded":
    assert arenas.bound()
libc = ctypes.PyDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
class Told(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks u f k".split()]
libc.mallinfo2.restype = Told
for _ in range(3):
    libc.free(libc.malloc(4 * 2**20))
kept = libc.mallinfo2().hblks
libc.malloc(2**20)
print(libc.mallinfo2().hblks - kept)
"""


def outside_of_heaps(how: str) -> int:
    command = [sys.executable, "-c", _LARGE_PROGRAM, how]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has other heaps")
def test_what_is_large_stays_out_of_the_heaps_once_something_larger_was_freed() -> None:
    assert outside_of_heaps("unbounded") == 0
    assert outside_of_heaps("bounded") == 1
