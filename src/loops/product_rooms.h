/* Memory that matrix products pack their operands in, kept for the next product.
 *
 * Knows sizes only.  A room is too large to be taken from the system each time (its pages would cost
 * more than a small product), and products run without the GIL, so the rooms that nobody uses lie in
 * a row of places, from which they are taken and to which they are given back by single exchanges.
 */
#ifndef CDIFF_PRODUCT_ROOMS_H
#define CDIFF_PRODUCT_ROOMS_H

#include "loops/kernel_table.h"

enum { ROOM_PLACES = 8 };

static double *cdiff_rooms[ROOM_PLACES];

#if defined(__GNUC__)
#define cdiff_swap_room(place, room) __atomic_exchange_n(place, room, __ATOMIC_ACQ_REL)
#else /* where no kernel packs */
static double *cdiff_swap_room(double **place, double *room)
{
    double *before = *place;
    *place = room;
    return before;
}
#endif

static void cdiff_give_room(double *room)
{
    int i;
    for (i = 0; POOLED && room && i < ROOM_PLACES; i++)
        room = cdiff_swap_room(&cdiff_rooms[i], room); /* what was there moves on */
    if (room)
        cdiff_aligned_free(room);
}

/* NULL where there is no memory. */
static double *cdiff_take_room(void)
{
    int i;
    for (i = 0; i < ROOM_PLACES; i++) {
        double *room = cdiff_swap_room(&cdiff_rooms[i], NULL);
        if (room)
            return room;
    }
    return (double *)cdiff_aligned_alloc(PRODUCT_ROOM * sizeof(double));
}

/* Give all rooms back to the system; the bytes of them. */
static size_t cdiff_clear_rooms(void)
{
    size_t freed = 0;
    int i;
    for (i = 0; i < ROOM_PLACES; i++) {
        double *room = cdiff_swap_room(&cdiff_rooms[i], NULL);
        if (room) {
            cdiff_aligned_free(room);
            freed += PRODUCT_ROOM * sizeof(double);
        }
    }
    return freed;
}

#endif
