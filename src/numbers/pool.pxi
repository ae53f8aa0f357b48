# Pools: memory that is taken bit by bit and given back all at once.
#
# Knows sizes only, and which of it holds machine code; it must not know what lies in it.  Fast
# because a piece is a pointer that moves on.

cdef extern from "machine/machine_code.h":
    void *code_memory(size_t n) noexcept nogil
    void code_free(void *p, size_t n) noexcept nogil


@cython.final
cdef class _Pool:
    """Memory for the tables of a plan, given back all at once."""
    cdef char **blocks
    cdef Py_ssize_t count, capacity
    cdef char *free
    cdef size_t left
    cdef list code                # (address, size) of memory that holds machine code

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            free(self.blocks[i])
        free(self.blocks)
        for address, size in self.code or ():
            code_free(<void *><size_t>address, size)

    cdef void *take(self, size_t n) except NULL:
        """Zeroed memory."""
        cdef size_t block
        cdef void *p
        n = (n + 15) & ~<size_t>15
        if n > self.left:
            block = n if n > 4096 else 4096
            if self.count == self.capacity:
                self.blocks = <char **>grown(self.blocks, NULL, &self.capacity, sizeof(char *))
            p = calloc(1, block)
            if p == NULL:
                raise MemoryError("cdiff: no memory to plan a program")
            self.blocks[self.count] = <char *>p
            self.count += 1
            if n == block:
                return p
            self.free = <char *>p
            self.left = block
        p = self.free
        self.free += n
        self.left -= n
        return p

    cdef void *take_code(self, size_t n) except NULL:
        """Memory for machine code, to be sealed when that is written."""
        cdef void *p = code_memory(n)
        if p == NULL:
            raise MemoryError("cdiff: no memory for machine code")
        if self.code is None:
            self.code = []
        self.code.append((<size_t>p, n))
        return p
