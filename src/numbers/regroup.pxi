# The order of the one-point gear's code: instructions of one kind in a row.
#
# Knows instructions and what each of them reads; it must not know what they compute.
# Fast in what it makes: each instruction ends in a jump to the next one's kind, which
# the processor has to guess, and after itself is the easiest guess.  Within a window
# everything stays near, so that few registers are alive (measured: 8x8 determinant with
# gradient, 1.9 to 1.2 ns an instruction).

cdef enum:
    REGROUPED = 512               # instructions from which it is worth the time
    WINDOW = 256


cdef void regroup(Code *code, Py_ssize_t n, int32_t *pending) noexcept nogil:
    """Reorder code over values; `pending` has a zero for each value, before and afterwards."""
    cdef Code left[WINDOW]
    cdef Py_ssize_t done = 0, count, kept, i
    cdef const Code *x
    cdef uint16_t op
    while done < n:
        count = WINDOW if n - done > WINDOW else n - done
        memcpy(left, &code[done], count * sizeof(Code))
        for i in range(count):
            pending[left[i].y] = 1
        while count:
            # All that can run now of the kind of the first one, which always can.
            op = left[0].op
            kept = 0
            for i in range(count):
                x = &left[i]
                if i == 0 or x.op == op and not (pending[x.a] | pending[x.b] | pending[x.c]):
                    pending[x.y] = 0
                    code[done] = x[0]
                    done += 1
                else:
                    left[kept] = x[0]
                    kept += 1
            count = kept
