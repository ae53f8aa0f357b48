# Fetching: rows of tables that no cache holds are asked for two rounds of machine code before.
#
# Knows the columns that calls read and write; it must not know encodings.  Fast because a store
# that waits for memory holds up those behind it, and there is room for some sixty (bundle
# adjustment with Jacobians at 100,000 points on AMD's Zen 4: 4.3 to 3.2 ms).  Short groups go
# along their memory so fast that the processor foresees it.

cdef enum:
    MOST_FETCHED = 480            # bytes of a row
    LEAST_FETCHING = 64           # calls of a group


cdef int fetch_rows(const Group *g, _Registers registers, set fetched, int first,
                    int end) except -1:
    """Begin the run of the calls from first up to end with asking for the tables of which it writes
    most columns, and for those of which it or later calls read most."""
    cdef const Micro *m
    cdef const Gather *x
    cdef dict bytes_of = {}
    cdef int k
    cdef bint writes
    if not g.far or g.descends or g.weight < LEAST_FETCHING:
        return 0
    for k in range(first, g.n_micros):
        m = &g.micros[k]
        x = m.gather
        writes = m.kind == MICRO_SCATTER
        if x == NULL or x.table < 0 or not 8 < x.strides[0] <= MOST_FETCHED or writes and k >= end:
            continue
        key = (x.table, x.strides[0], writes)
        bytes_of[key] = bytes_of.get(key, 0) + 8
    for key, count in bytes_of.items():
        table, stride, is_written = key
        if 2 * count > stride and key not in fetched:
            registers.put(DO_FETCH, is_written, 0, 0, 0, 0, table).stride = stride
            fetched.add(key)
    return 0
