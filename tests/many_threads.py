"""One function in many threads at once, whose errors and results are those of the test."""

import sys
import threading


def in_threads(work, n=8, switch=1e-5):
    """Run work(k) in n threads at once; the results, or the first error."""
    results, errors = [None] * n, []
    barrier = threading.Barrier(n)

    def run(k):
        barrier.wait()
        try:
            results[k] = work(k)
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(switch)
    try:
        threads = [threading.Thread(target=run, args=(k,)) for k in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if errors:
        raise errors[0]
    return results
