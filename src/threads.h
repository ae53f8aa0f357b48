/* A small pool of threads for work that is shared out in pieces.
 *
 * Knows threads of the platform and nothing of the work.  Cheap because the threads persist and the
 * calling thread works too: one that wakes up late finds nothing left to do, and nobody waits for
 * it; and because what comes soon is waited for awake.  One job at a time; whoever comes while the
 * pool is busy works alone.  After a fork the child begins with an empty pool.  Where there are no
 * POSIX threads all work is done by the caller.
 */
#ifndef CDIFF_THREADS_H
#define CDIFF_THREADS_H

#include <stdint.h>

enum { MAX_THREADS = 64 };

/* Called with the number of the worker; has to take pieces until none is left. */
typedef void (*work_fn)(void *context, int worker);

/* Pieces of a job that belong to one worker until it is through with them; on a line of its own. */
typedef struct {
    int64_t next, end;
    char rest[48];
} work_share;

static int64_t cdiff_take(int64_t *next, int64_t count);

/* The pieces from first up to end in equal shares for n workers. */
static void cdiff_deal(work_share *shares, int n, int64_t first, int64_t end)
{
    int k;
    for (k = 0; k < n; k++) {
        shares[k].next = first + (end - first) * k / n;
        shares[k].end = first + (end - first) * (k + 1) / n;
    }
}

/* Up to `count` pieces for a worker: the number of the first, and of the one after the last; -1 if
 * none is left.  Its own come first: at the next job they are the same, and what this one wrote is
 * in its caches.  Then it helps the others. */
static int64_t cdiff_take_dealt(work_share *shares, int n, int worker, int64_t count, int64_t *last)
{
    int k;
    for (k = 0; k < n; k++) {
        work_share *s = &shares[(worker + k) % n];
        int64_t first;
        if (*(volatile int64_t *)&s->next >= s->end)
            continue;
        first = cdiff_take(&s->next, count);
        if (first < s->end) {
            *last = first + count < s->end ? first + count : s->end;
            return first;
        }
    }
    return -1;
}

#if defined(_WIN32)

static void cdiff_pool_prepare(void) {}

static void cdiff_parallel(work_fn work, void *context, int n)
{
    (void)n;
    work(context, 0);
}

static int64_t cdiff_take(int64_t *next, int64_t count)
{
    const int64_t first = *next;
    *next += count;
    return first;
}

#else

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* The number of the first of the pieces that now belong to the caller. */
static int64_t cdiff_take(int64_t *next, int64_t count)
{
    return __atomic_fetch_add(next, count, __ATOMIC_RELAXED);
}

static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t begin, done;
    int known;    /* whether a child of fork begins with an empty pool */
    int started;  /* threads, besides the callers */
    int wanted;   /* of those, that may join the job */
    int active;
    uint64_t job; /* its number */
    work_fn work;
    void *context;
} cdiff_pool;

/* How often a thread looks for what it waits for before it sleeps: 20 to 80 us, about as long as it
 * takes to be woken up. */
enum { SPINS = 2000 };

static inline void cdiff_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

static void *cdiff_pool_thread(void *number)
{
    const int worker = (int)(intptr_t)number;
    uint64_t seen = 0;
    for (;;) {
        work_fn work;
        void *context;
        int k;
        for (k = 0; k < SPINS && __atomic_load_n(&cdiff_pool.job, __ATOMIC_RELAXED) == seen; k++)
            cdiff_pause();
        pthread_mutex_lock(&cdiff_pool.lock);
        while (cdiff_pool.job == seen || worker > cdiff_pool.wanted)
            pthread_cond_wait(&cdiff_pool.begin, &cdiff_pool.lock);
        seen = cdiff_pool.job;
        work = cdiff_pool.work;
        context = cdiff_pool.context;
        __atomic_add_fetch(&cdiff_pool.active, 1, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&cdiff_pool.lock);
        work(context, worker);
        pthread_mutex_lock(&cdiff_pool.lock);
        if (__atomic_sub_fetch(&cdiff_pool.active, 1, __ATOMIC_RELAXED) == 0)
            pthread_cond_signal(&cdiff_pool.done);
        pthread_mutex_unlock(&cdiff_pool.lock);
    }
    return NULL;
}

/* An empty pool; in a child of fork its locks may be in any state. */
static void cdiff_pool_reset(void)
{
    pthread_mutex_init(&cdiff_pool.busy, NULL);
    pthread_mutex_init(&cdiff_pool.lock, NULL);
    pthread_cond_init(&cdiff_pool.begin, NULL);
    pthread_cond_init(&cdiff_pool.done, NULL);
    cdiff_pool.started = cdiff_pool.wanted = cdiff_pool.active = 0;
    cdiff_pool.job = 0;
}

/* Signals are for the threads of Python. */
static void cdiff_pool_grow(int n)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (cdiff_pool.started < n) {
        const intptr_t number = cdiff_pool.started + 1;
        if (pthread_create(&thread, NULL, cdiff_pool_thread, (void *)number) != 0)
            break;
        pthread_detach(thread);
        cdiff_pool.started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Called with the GIL, at every call that may use threads: to ask for the number of the process
 * would take longer than a short call does. */
static void cdiff_pool_prepare(void)
{
    if (!cdiff_pool.known) {
        cdiff_pool_reset();
        cdiff_pool.known = pthread_atfork(NULL, NULL, cdiff_pool_reset) == 0;
    }
}

/* Up to n workers; returns when all work is done. */
static void cdiff_parallel(work_fn work, void *context, int n)
{
    int k;
    if (n < 2 || pthread_mutex_trylock(&cdiff_pool.busy) != 0) {
        work(context, 0);
        return;
    }
    pthread_mutex_lock(&cdiff_pool.lock);
    cdiff_pool_grow(n - 1);
    cdiff_pool.work = work;
    cdiff_pool.context = context;
    cdiff_pool.wanted = n - 1;
    __atomic_add_fetch(&cdiff_pool.job, 1, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&cdiff_pool.begin);
    pthread_mutex_unlock(&cdiff_pool.lock);
    work(context, 0);
    pthread_mutex_lock(&cdiff_pool.lock);
    cdiff_pool.wanted = 0;
    pthread_mutex_unlock(&cdiff_pool.lock);
    for (k = 0; k < SPINS && __atomic_load_n(&cdiff_pool.active, __ATOMIC_RELAXED); k++)
        cdiff_pause();
    pthread_mutex_lock(&cdiff_pool.lock);
    while (cdiff_pool.active)
        pthread_cond_wait(&cdiff_pool.done, &cdiff_pool.lock);
    pthread_mutex_unlock(&cdiff_pool.lock);
    pthread_mutex_unlock(&cdiff_pool.busy);
}

#endif

#endif
