# Tasks of an event loop, which share a thread: whose operations does `no_grad` leave unrecorded?
#
# A block in a thread without such tasks is a count, `paused`.  One in a task may be suspended while
# others compute, so it belongs to the task's context, which tasks begun inside inherit, and is a
# list there that is emptied when the block ends; `paused` has a bit more (APART) as long as there
# is one in the thread.  Knows nothing of nodes.  It costs nothing where no such block is open: only
# what finds `paused` set asks here.

import contextvars
import sys

cdef enum:
    APART = 1 << 30
    TRACED = 1 << 29              # for an operation on values of a program, whoever records it

cdef dict loaded = sys.modules
cdef object blocks_here = contextvars.ContextVar("cdiff.no_grad", default=())


cdef bint is_paused(int paused) noexcept:
    """Is recording switched off in this context, in a thread where `paused` says that it may be?"""
    if paused != APART:
        return paused != 0
    return any_open(blocks_here.get())


cdef inline bint any_open(tuple blocks) noexcept:
    for block in blocks:
        if block:
            return True
    return False


cdef bint among_tasks() except -1:
    """May other tasks run in this thread before a block that begins here has ended?"""
    asyncio = loaded.get("asyncio")
    if asyncio is not None:
        running = getattr(asyncio, "_get_running_loop", None)      # None while it is imported
        if running is not None and running() is not None:
            return True
    return "trio" in loaded


cdef list opened_block():
    """A block of `no_grad` that has begun in this context: the thread, until it ends."""
    cdef list block = [<size_t>&cdiff_tls]
    blocks_here.set((*[x for x in blocks_here.get() if x], block))
    cdiff_tls.apart += 1
    cdiff_tls.paused |= APART
    return block


cdef bint closed_block(list blocks) except -1:
    """End the last of these blocks in this context, or else in this thread; False without one."""
    cdef list mine = [x for x in blocks if x and x[0] == <size_t>&cdiff_tls]
    cdef list inside = [x for x in mine if any([x is y for y in blocks_here.get()])]
    if not mine:
        return False
    block = (inside or mine)[len(inside or mine) - 1]
    blocks[:] = [x for x in blocks if x is not block]
    block.clear()
    cdiff_tls.apart -= cdiff_tls.apart > 0          # a thread may have the place of one that ended
    if not cdiff_tls.apart:
        cdiff_tls.paused &= ~APART
    return True
