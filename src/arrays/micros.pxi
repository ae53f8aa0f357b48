# The calls of kernels that a group of fused instructions consists of.
#
# Declares slots, calls and groups, the vocabulary of groups.pxi (which makes them),
# fusing.pxi (which joins them) and group_run.pxi (which runs them); it must not know
# instructions.  Fast because a call is one flat record: everything that a kernel is
# told is known before the first run.

cdef extern from *:
    """
    /* What PyErr_CheckSignals has left is raised when the GIL is held again. */
    #define cdiff_check_signals PyErr_CheckSignals
    static int cdiff_raise(void) { return -1; }
    """
    int cdiff_check_signals() noexcept
    int cdiff_raise() except -1

cdef enum:
    STRETCH_WORK = 50000000       # elements after which a long run looks for signals
    FETCH_AHEAD = 300000          # bytes of a group from which memory is slower than its kernels
    HEAVY_COST = 10               # of a function beside a light operator,
    TOUCH_COST = 2                # and of memory that is walked along
    SHARED_COST = 500000          # points times their cost from which threads share a group
    SHARED_WORK = 400000          # points times instructions that are work for threads
    TAKES = 64                    # of chunks, by each of them, at most
    SHIFTED_POINTS = 8192         # that are taken at once, at least, where there are shifts

# What the steps of a call work on.
cdef struct Memory:
    char **bases
    char *lanes                   # lane_bytes for each worker
    Py_ssize_t lane_bytes
    int workers

cdef enum MicroKind:
    MICRO_VALUE
    MICRO_FUSED                   # two light operations at once
    MICRO_PRODUCTS                # the sum or difference of two products
    MICRO_WHERE
    MICRO_PAIR                    # two functions of a: y, and c from its pair
    MICRO_GATHER                  # any memory into lanes
    MICRO_SCATTER                 # lanes into any float64 memory, or contiguous float32
    MICRO_BOOL                    # lanes into memory as bool
    MICRO_SUM                     # adds up a block
    MICRO_ROWS                    # adds up each row of a block
    MICRO_GONE                    # done by another call; gone when the group is finished
    MICRO_NATIVE                  # a run of light operators in machine code

cdef enum:
    SPILLED = -1                  # while lanes are shared: the first vector after them
    # Five for each instruction, what is scattered besides, and tables (native.pxi).
    MAX_SLOTS = 6 * MAX_GROUP + 64
    MOST_HALO = 4096              # points that are computed again at the start of a chunk
    LANE_ROOM = 3584              # doubles that all lanes of a group may take: most of L1;
    PANEL_ROOM = 65536            # with whole panels of crossed operands, some of L2

# What the doubles of a slot are.
cdef enum Content:
    ANY_NUMBERS
    FLOATS                        # numbers that float32 holds
    TO_BE_ROUNDED                 # what only a rounding to float32 reads

# Where a kernel finds its numbers: base and offset, and bytes from point to point.
cdef struct GroupSlot:
    int32_t base
    int32_t step
    Py_ssize_t offset
    Content content

cdef struct Gather:
    int32_t base
    int width
    int ndim
    int32_t table                 # for machine code: the slot of the first column, -1: none
    int32_t spare                 # and of the lane for points that are left out, if after that
    Py_ssize_t offset
    Py_ssize_t first, count       # of a scatter: the points that are written
    Py_ssize_t *shape
    Py_ssize_t *strides
    Taking *taking                # rows at positions; NULL: a walk along axes

cdef struct Run

# One call of a kernel: slots, and which of them move from point to point.
cdef struct Micro:
    MicroKind kind
    int op                        # of MICRO_VALUE
    int reads                     # how many of a, b, c, d are operands
    int32_t y, a, b, c, d
    int32_t sa, sb, sc
    int32_t instruction
    int n_joined                  # instructions that it does besides
    int32_t joined[2]
    ew_fn kernel
    pair_fn pair
    fused_fn fused
    products_fn products
    Gather *gather
    Run *run

# A sum: where its partial sums are, and where it goes.
cdef struct GroupSum:
    Py_ssize_t scratch
    int32_t base
    Py_ssize_t offset

# A shift: where it keeps two vectors, and what comes before the first points.
cdef struct GroupShift:
    int32_t slot
    int32_t base                  # -1: zeros
    Py_ssize_t offset
    int count
    bint ahead

# Memory that a group walks along, worth fetching ahead: bytes from point to point.
cdef struct Stream:
    int32_t base
    Py_ssize_t offset, step

# Memory that a step reads or writes: bytes `low` up to `high` of a base.  `walks`: point k is the
# double at `origin` + 8 k.
cdef struct Touch:
    int32_t base
    bint writes, walks
    Py_ssize_t low, high, origin

cdef struct Group:
    Py_ssize_t size, row, block, chunk, n_chunks
    Py_ssize_t lane_bytes
    Py_ssize_t spilled            # after the lanes: one vector for each value that a run spills
    int n_micros, n_slots, n_moving, n_sums, n_takings
    int weight                    # instructions
    int cost                      # of a point, in light instructions
    bint far                      # runs store results past the caches
    int n_shifts, n_results
    bint descends                 # from the last point to the first one
    bint alone                    # one thread goes through all chunks in order; else each chunk
    Py_ssize_t halo               # begins so many points before, whose results go
    Py_ssize_t spare              # there, behind all lanes
    GroupShift *shifts
    int32_t *results              # slots in memory that it writes
    int n_streams                 # none where all is in a cache
    Py_ssize_t fetches            # cache lines of the next block to ask for before each call
    Stream *streams
    Micro *micros
    GroupSlot *slots              # those that move first
    GroupSum *sums
    Taking *takings               # looked at before the group runs
    Touch *touches                # all its memory, while steps are made (weaving.pxi),
    int n_touches                 # and -1 where it cannot be woven
