# The entries of a compressed matrix as sums of computed values times factors.
#
# Knows places of entries and of values; it must not know directions or programs.  Fast
# because places are found once, in one pass over all contributions, and because most
# matrices repeat: where the entries of some rows are those of the rows before them, each
# one value further on, no places are read at all, and each of these entries is a loop
# with one read and one write.  What does not repeat is read from where a table says.

cdef enum:
    LONGEST_PERIOD = 128          # entries after which places may repeat
    FEWEST_TIMES = 8              # that they do
    FEWEST_ENTRIES = 64           # of a run
    FILLED_AT_ONCE = 2048         # entries that are filled one column after the other


cdef struct Contribution:         # what an entry is made of
    int32_t source                # a value, times
    int32_t factor                # one of the factors,
    int32_t more                  # plus another value; -1 for none, -2 for several
    int32_t more_factor


cdef struct EntryRun:                  # entries that repeat
    int64_t first                 # of the entries,
    int64_t period                # of which each is that so many before it,
    int64_t count                 # so many times
    int64_t column                # where the first period is described
    int64_t more                  # how many of `more_place` are before the end
    int64_t filled                # how often it is filled here: `count`, or 0 if others write it


cdef struct EntryColumn:               # one entry of each period
    int64_t source                # of the first one; that of the others lies
    int64_t step                  # so much further on
    int64_t more                  # -1 for none
    int64_t more_step
    double factor
    double more_factor


cdef void fill_column(const EntryColumn *c, const double *x, double *out, int64_t stride,
                      int64_t i, int64_t last) noexcept nogil:
    """The repetitions from i to `last` of one entry."""
    cdef const double *y = x + c.source
    cdef const double *z = x + c.more
    cdef double f = c.factor, g = c.more_factor, v
    if c.step == 0 and c.more < 0:
        v = y[0] * f
        while i < last:
            out[i * stride] = v
            i += 1
    elif c.more < 0:
        while i < last:
            out[i * stride] = y[i] * f
            i += 1
    else:
        while i < last:
            out[i * stride] = y[i * c.step] * f + z[i * c.more_step] * g
            i += 1


cdef void fill_run(const EntryRun *r, const EntryColumn *columns, const double *x,
                   double *out) noexcept nogil:
    cdef int64_t at = 0, last, j, many = FILLED_AT_ONCE // r.period
    while at < r.filled:
        last = at + many if at + many < r.filled else r.filled
        for j in range(r.period):
            fill_column(columns + r.column + j, x, out + r.first + j, r.period, at, last)
        at = last


cdef inline bint follows(const Contribution *a, const Contribution *b) noexcept nogil:
    """Is b what a is, at the same place or one further on?"""
    return (b.factor == a.factor and b.more_factor == a.more_factor
            and (b.source == a.source or b.source == a.source + 1)
            and (b.more == a.more or (a.more >= 0 and b.more == a.more + 1)))


cdef inline bint same_steps(const Contribution *a, int64_t p) noexcept nogil:
    """Is the step from a to the one p behind it that from there on?"""
    return (follows(a + p, a + 2 * p) and a[2 * p].source - a[p].source == a[p].source - a.source
            and a[2 * p].more - a[p].more == a[p].more - a.more)


cdef int64_t repeated(const Contribution *c, int64_t left, int64_t *period) noexcept nogil:
    """How often the first entries repeat, and how many these are; 0 if they do not."""
    cdef int64_t p, k
    for p in range(1, LONGEST_PERIOD + 1):
        if p * FEWEST_TIMES > left:
            return 0
        k = 0
        while k < p and c[k].more != -2 and follows(c + k, c + k + p):
            k += 1
        if k < p:
            continue
        k = 0
        while k + 2 * p < left and same_steps(c + k, p):
            k += 1
        k = k // p + 2
        if k >= FEWEST_TIMES and k * p >= FEWEST_ENTRIES:
            period[0] = p
            return k
    return 0


cdef void describe(const Contribution *a, const Contribution *b, const double *factors,
                   EntryColumn *out) noexcept nogil:
    """The column that begins with a and goes on with b."""
    out.source = a.source
    out.step = b.source - a.source
    out.more = a.more
    out.more_step = b.more - a.more
    out.factor = factors[a.factor]
    out.more_factor = factors[a.more_factor]


@cython.final
cdef class Entries:
    """The entries of a matrix as sums of computed values times factors.

    Entry e is values[source[e]] times the factor numbered factor[e]; then
    values[more_source] times their factors are added at `more_place`, which ascends.  There are
    few factors.  Constants stand behind the values that are computed, each distinct one once.
    """
    cdef readonly np.ndarray source, factor, more_place, more_source, more_factor
    cdef readonly np.ndarray factors, constants
    cdef readonly Py_ssize_t repeated   # entries in runs
    cdef Py_ssize_t size
    cdef np.ndarray runs, columns

    def __init__(self, Py_ssize_t n, Py_ssize_t n_values, np.ndarray places not None,
                 np.ndarray elements not None, list terms not None, np.ndarray where not None,
                 np.ndarray fixed not None):
        """n entries of `n_values` values.

        Contribution c goes to places[c] (int32) from where[elements[c]] (int32, elements int64):
        that value, or where it is below -1, fixed[-2 - it] (float64), which never changes; -1 is
        nothing.  Terms are (end, factor): the contributions before `end` that are not before it.
        """
        cdef np.ndarray constant = np.zeros(n), more, number
        cdef Py_ssize_t first = 0, last
        cdef int64_t spent = 0
        cdef dict numbers = {1.0: 0}
        self.source = np.full(n, -1, np.int32)
        self.factor = np.zeros(n, np.uint16)
        more = np.empty((2, np.PyArray_SIZE(places) + n), np.int32)
        number = np.zeros(np.PyArray_SIZE(places) + n, np.uint16)
        for last, factor in terms:
            k = numbers.setdefault(factor, len(numbers))
            if k > 0xFFFF:
                raise ValueError("cdiff: more than 65536 different factors")
            spent = self.add(places, elements, where, fixed, first, last, k, factor, constant,
                             more, number, spent)
            first = last
        self.factors = np.array(list(numbers))
        spent = self.add_constants(constant, n_values, more, spent)
        order = np.argsort(more[0, :spent], kind="stable")
        self.more_place, self.more_source = more[0][order], more[1][order]
        self.more_factor = number[order]
        self.find_runs()

    cdef int64_t add(self, np.ndarray places, np.ndarray elements, np.ndarray where,
                     np.ndarray fixed, Py_ssize_t first, Py_ssize_t last, int number, double factor,
                     np.ndarray constant, np.ndarray more, np.ndarray numbers,
                     int64_t spent) noexcept:
        """The contributions of one term; how much of `more` is taken then."""
        cdef const int32_t *place = <const int32_t *>np.PyArray_DATA(places)
        cdef const int64_t *element = <const int64_t *>np.PyArray_DATA(elements)
        cdef const int32_t *value = <const int32_t *>np.PyArray_DATA(where)
        cdef const double *known = <const double *>np.PyArray_DATA(fixed)
        cdef double *sums = <double *>np.PyArray_DATA(constant)
        cdef int32_t *source = <int32_t *>np.PyArray_DATA(self.source)
        cdef uint16_t *own = <uint16_t *>np.PyArray_DATA(self.factor)
        cdef int32_t *at = <int32_t *>np.PyArray_DATA(more)
        cdef int32_t *added = at + np.PyArray_DIM(more, 1)
        cdef uint16_t *its = <uint16_t *>np.PyArray_DATA(numbers)
        cdef Py_ssize_t c
        cdef int32_t v
        with nogil:
            for c in range(first, last):
                v = value[element[c]]
                if v < -1:
                    sums[place[c]] += known[-2 - v] * factor
                elif v >= 0 and source[place[c]] < 0:
                    source[place[c]] = v
                    own[place[c]] = <uint16_t>number
                elif v >= 0:
                    at[spent] = place[c]
                    added[spent] = v
                    its[spent] = <uint16_t>number
                    spent += 1
        return spent

    cdef int64_t add_constants(self, np.ndarray constant, Py_ssize_t n_values, np.ndarray more,
                               int64_t spent) except -1:
        """What never changes as values behind the others; how much of `more` is taken then."""
        cdef np.ndarray slots
        cdef const double *sums = <const double *>np.PyArray_DATA(constant)
        cdef int32_t *source = <int32_t *>np.PyArray_DATA(self.source)
        cdef int32_t *at = <int32_t *>np.PyArray_DATA(more)
        cdef int32_t *added = at + np.PyArray_DIM(more, 1)
        cdef const int64_t *slot
        cdef Py_ssize_t e
        self.constants, slots = few_numbers(constant) or np.unique(constant, return_inverse=True)
        self.size = n_values + np.PyArray_SIZE(self.constants)
        if self.size > 0x7FFFFFF0:
            raise MemoryError(f"cdiff: {self.size} values; at most 2**31 are supported")
        slots = np.ascontiguousarray(slots, np.int64).reshape(-1)
        slot = <const int64_t *>np.PyArray_DATA(slots)
        for e in range(np.PyArray_SIZE(constant)):
            if source[e] < 0:
                source[e] = <int32_t>(n_values + slot[e])
            elif sums[e] != 0.0:
                at[spent] = <int32_t>e
                added[spent] = <int32_t>(n_values + slot[e])
                spent += 1
        return spent

    cdef int find_runs(self) except -1:
        """Look for entries that repeat."""
        cdef Py_ssize_t n = np.PyArray_SIZE(self.source), e = 0, k, skip = 1, n_runs = 0
        cdef int64_t period = 0, count, column = 0
        cdef np.ndarray all = self.contributions(), runs, columns
        cdef const Contribution *c = <const Contribution *>np.PyArray_DATA(all)
        cdef const double *factors = <const double *>np.PyArray_DATA(self.factors)
        cdef EntryRun *run
        cdef EntryColumn *out
        runs = np.empty((n // FEWEST_ENTRIES + 1, sizeof(EntryRun) // sizeof(int64_t)), np.int64)
        columns = np.empty((n // FEWEST_TIMES + 1) * sizeof(EntryColumn), np.uint8)
        run = <EntryRun *>np.PyArray_DATA(runs)
        out = <EntryColumn *>np.PyArray_DATA(columns)
        self.repeated = 0
        while e < n:
            count = repeated(c + e, n - e, &period)
            if count == 0:
                # The longer nothing repeats, the less it is looked for.
                e += skip
                skip = 2 * skip if skip < FEWEST_ENTRIES else skip
                continue
            run[n_runs].first, run[n_runs].period = e, period
            run[n_runs].count, run[n_runs].column = count, column
            run[n_runs].filled = count
            for k in range(period):
                describe(c + e + k, c + e + k + period, factors, out + column + k)
            n_runs += 1
            column += period
            self.repeated += period * count
            e += period * count
            skip = 1
        self.runs = runs[:n_runs].copy()
        self.columns = columns[:column * sizeof(EntryColumn)].copy()
        self.runs[:, 4] = np.searchsorted(self.more_place, self.runs[:, 0]
                                          + self.runs[:, 1] * self.runs[:, 2])
        return 0

    def tables(self):
        """The runs in which each entry is a value alone, of which the next one stands in the next
        period, or always the same: (number of the run, first entry, how many periods, (first
        value, step) of each column)."""
        cdef const EntryRun *run = <const EntryRun *>np.PyArray_DATA(self.runs)
        cdef const EntryColumn *columns = <const EntryColumn *>np.PyArray_DATA(self.columns)
        cdef const EntryColumn *c
        cdef Py_ssize_t k, j
        cdef list found = [], sources
        for k in range(np.PyArray_DIM(self.runs, 0)):
            sources = []
            for j in range(run[k].period):
                c = columns + run[k].column + j
                if c.more < 0 and c.factor == 1.0:
                    sources.append((c.source, c.step))
            if len(sources) == run[k].period:
                found.append((k, run[k].first, run[k].count, sources))
        return found

    def leave_out(self, Py_ssize_t k):
        """From now on somebody else writes the entries of run k."""
        (<EntryRun *>np.PyArray_DATA(self.runs))[k].filled = 0

    cdef np.ndarray contributions(self):
        """What each entry is made of."""
        cdef Py_ssize_t e, n = np.PyArray_SIZE(self.source)
        cdef np.ndarray out = np.empty((n, 4), np.int32)
        cdef Contribution *c = <Contribution *>np.PyArray_DATA(out)
        cdef const int32_t *source = <const int32_t *>np.PyArray_DATA(self.source)
        cdef const int32_t *at = <const int32_t *>np.PyArray_DATA(self.more_place)
        cdef const int32_t *added = <const int32_t *>np.PyArray_DATA(self.more_source)
        cdef const uint16_t *number = <const uint16_t *>np.PyArray_DATA(self.factor)
        cdef const uint16_t *more_number = <const uint16_t *>np.PyArray_DATA(self.more_factor)
        for e in range(n):
            c[e].source = source[e]
            c[e].factor = number[e]
            c[e].more = -1
            c[e].more_factor = 0
        for e in range(np.PyArray_SIZE(self.more_place)):
            c[at[e]].more_factor = more_number[e]
            c[at[e]].more = added[e] if c[at[e]].more == -1 else -2
        return out

    def check(self, np.ndarray data not None):
        """ValueError unless the entries can be written here."""
        check_doubles(data, np.PyArray_SIZE(self.source))
        if not np.PyArray_ISWRITEABLE(data):
            raise ValueError("cdiff: the entries to be overwritten are read-only")

    def fill(self, np.ndarray values not None, np.ndarray data=None):
        """The entries for these values, in `data` (float64, in order) if it is given; those that
        are left out stay as they are."""
        cdef Py_ssize_t k, n = np.PyArray_SIZE(self.source), n_runs = np.PyArray_DIM(self.runs, 0)
        cdef const EntryRun *run = <const EntryRun *>np.PyArray_DATA(self.runs)
        cdef const EntryColumn *columns = <const EntryColumn *>np.PyArray_DATA(self.columns)
        cdef const double *x = <const double *>np.PyArray_DATA(values)
        cdef double *out
        cdef int64_t at = 0, more = 0
        if data is None:
            data = np.empty(n)
        check_doubles(values, self.size)
        self.check(data)
        out = <double *>np.PyArray_DATA(data)
        with nogil:
            for k in range(n_runs):
                self.fill_rest(x, out, at, run[k].first, more)
                fill_run(run + k, columns, x, out)
                at = run[k].first + run[k].period * run[k].count
                more = run[k].more
            self.fill_rest(x, out, at, n, more)
        return data

    cdef void fill_rest(self, const double *x, double *out, int64_t first, int64_t last,
                        int64_t more) noexcept nogil:
        """The entries from `first` to `last`, which are in no run; `more_place` is read from
        `more` on."""
        cdef const int32_t *source = <const int32_t *>np.PyArray_DATA(self.source)
        cdef const int32_t *at = <const int32_t *>np.PyArray_DATA(self.more_place)
        cdef const int32_t *added = <const int32_t *>np.PyArray_DATA(self.more_source)
        cdef const uint16_t *number = <const uint16_t *>np.PyArray_DATA(self.factor)
        cdef const uint16_t *more_number = <const uint16_t *>np.PyArray_DATA(self.more_factor)
        cdef const double *factor = <const double *>np.PyArray_DATA(self.factors)
        cdef int64_t e, end = np.PyArray_SIZE(self.more_place)
        for e in range(first, last):
            out[e] = x[source[e]] * factor[number[e]]
        while more < end and at[more] < last:
            out[at[more]] += x[added[more]] * factor[more_number[more]]
            more += 1


cdef int check_doubles(np.ndarray x, Py_ssize_t n) except -1:
    if (np.PyArray_TYPE(x) != NPY_DOUBLE or not np.PyArray_IS_C_CONTIGUOUS(x)
            or np.PyArray_SIZE(x) != n):
        raise ValueError(f"cdiff: {n} float64 in order are needed, not {np.PyArray_SIZE(x)} "
                         f"of {np.PyArray_DescrFromType(np.PyArray_TYPE(x))}")
    return 0


cdef enum:
    FEW_NUMBERS = 64              # different ones, that are looked through for each number


def few_numbers(np.ndarray x not None):
    """(distinct numbers, which of them each of x is) for float64 in order; None if these are not
    few."""
    cdef Py_ssize_t k, n = np.PyArray_SIZE(x)
    cdef np.ndarray slots = np.empty(n, np.int64)
    cdef int64_t *slot = <int64_t *>np.PyArray_DATA(slots)
    cdef const uint64_t *bits
    cdef uint64_t found[FEW_NUMBERS]
    cdef int count = 0, j = 0
    check_doubles(x, n)
    bits = <const uint64_t *>np.PyArray_DATA(x)
    with nogil:
        for k in range(n):
            if count == 0 or found[j] != bits[k]:
                j = 0
                while j < count and found[j] != bits[k]:
                    j += 1
                if j == FEW_NUMBERS:
                    break
                if j == count:
                    found[count] = bits[k]
                    count += 1
            slot[k] = j
    if j == FEW_NUMBERS:
        return None
    distinct = np.empty(count)
    memcpy(np.PyArray_DATA(distinct), found, count * sizeof(uint64_t))
    return distinct, slots
