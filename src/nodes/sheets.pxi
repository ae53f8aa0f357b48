# Sheets: pages of 2 MB that blocks share which are smaller than one.
#
# Knows sizes and addresses; it must not know what lies in a block, nor which are free.  Fast
# because a fresh page of 2 MB costs a quarter of the 512 small ones that it stands for, and blocks
# that are made one after the other lie side by side in it.  A process that makes few such blocks
# does without: it would not fill the first page.  A block knows its sheet by the address in front.

cdef enum:
    SHEET = 8 << 20               # bytes
    LARGEST_SHARING = 1 << 20     # bytes of a block that shares a page
    NOT_SHARED = 1 << 20          # bytes of the first such blocks

# What stands at the start of a sheet, where the first block has room before it.
cdef struct Sheet:
    size_t used                   # bytes
    Py_ssize_t blocks             # that lie in it

cdef Sheet *_open_sheet = NULL
cdef size_t _alone = 0            # bytes of blocks of such a size that lie in none


cdef char *take_of_sheet(size_t n) noexcept:
    """Memory for a block, whole pages of 4 kB, of the open sheet; NULL: it should lie alone."""
    global _open_sheet, _alone
    cdef char *p
    n = (n + PAGE - 1) & ~(PAGE - 1)
    if not POOLED or n > LARGEST_SHARING:
        return NULL
    if _alone < NOT_SHARED:
        _alone += n
        return NULL
    if _open_sheet == NULL or _open_sheet.used + n > SHEET:
        p = <char *>cdiff_aligned_alloc(SHEET)
        if p == NULL:
            return NULL
        cdiff_use_large_pages(p, SHEET, SHEET)
        _open_sheet = <Sheet *>p
        _open_sheet.used = 0
        _open_sheet.blocks = 0
    p = <char *>_open_sheet + _open_sheet.used
    _open_sheet.used += n
    _open_sheet.blocks += 1
    return p


cdef void leave_sheet(Sheet *sheet) noexcept:
    """One block less; the last one takes the sheet along."""
    global _open_sheet
    sheet.blocks -= 1
    if sheet.blocks:
        return
    if sheet == _open_sheet:
        _open_sheet = NULL
    cdiff_aligned_free(sheet)
