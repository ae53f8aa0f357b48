# Headroom: how much memory the machine has left, so that a graph which outgrows it
# ends in an error and not in the end of the process.
#
# Knows the operating system's figures; it must not know what memory is wanted
# for.  Fast because it is asked once in 64 MB.  Where the figures cannot be read
# (other systems than Linux) there is as much memory as malloc gives.

cdef enum:
    LOOK_EVERY = 64 << 20         # bytes taken from the system between two looks

cdef size_t _taken = 0            # bytes since the last look
cdef object _floor = None         # bytes that must remain; None: three percent of the machine's


cdef int take_memory(size_t n) except -1:
    """Note that n bytes are about to be taken from the system; MemoryError if they are too many."""
    global _taken
    _taken += n
    if _taken >= LOOK_EVERY:
        _taken = 0
        return need_memory(n)
    return 0


cdef int need_memory(size_t n) except -1:
    """MemoryError unless n bytes can be taken."""
    available, total = memory_left()
    floor = total * 3 // 100 if _floor is None else _floor
    if available is not None and available - <Py_ssize_t>n < floor:
        raise MemoryError(
            f"cdiff: {available >> 20} MB of memory are left, which is not enough to go on; a loop "
            "of very many operations needs less as cd.scan, cd.fori_loop or cd.checkpoint")
    return 0


cdef tuple memory_left():
    """Bytes that are available and that there are; (None, 0) where that is not known."""
    try:
        found = first_numbers("/proc/meminfo", ("MemTotal:", "MemAvailable:"))
        total, available = found["MemTotal:"] << 10, found["MemAvailable:"] << 10
    except (OSError, KeyError):
        return None, 0
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(limit) as file:
                total = min(total, int(file.read()))
            resident = first_numbers("/proc/self/status", ("VmRSS:",))["VmRSS:"] << 10
        except (OSError, ValueError, KeyError):
            continue
        available = min(available, total - resident)
    return available, total


cdef dict first_numbers(str path, tuple names):
    """The numbers behind these names in a file of lines."""
    with open(path) as file:
        rows = [line.split() for line in file]
    return {row[0]: int(row[1]) for row in rows if row and row[0] in names}


def set_memory_floor(n=None):
    """Bytes of the machine's memory that graphs leave to others; None for three percent."""
    global _floor, _taken
    _floor = n
    _taken = LOOK_EVERY


def memory_available():
    """Bytes of memory that can be taken; None where that is not known."""
    return memory_left()[0]
