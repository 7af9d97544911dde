/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * One function per ring operation on a batch, each nothing but calls of libxdp's inline functions
 * in the order that its users write them. `bare.rs` does the same jobs on the same memory.
 *
 * A C compiler never inlines these into Rust, so a profiler finds them by name.
 */

#include <stdint.h>

#include <xdp/xsk.h>

_Static_assert(sizeof(struct xsk_ring_prod) == 48, "as RawRing in libxdp.rs");
_Static_assert(sizeof(struct xsk_ring_cons) == 48, "as RawRing in libxdp.rs");

/* As RawRings in libxdp.rs. */
struct rings {
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion;
	struct xsk_ring_cons rx;
	struct xsk_ring_prod tx;
	/* How often the kernel asked to be woken. */
	uint64_t wakes;
};

/* Sets up a producing end where the words stand, as xsk_socket__create does. */
void libxdp_open_producer(struct xsk_ring_prod *ring, uint32_t *producer, uint32_t *consumer,
			  uint32_t *flags, void *slots, uint32_t size)
{
	ring->cached_prod = *producer;
	ring->cached_cons = *consumer + size;
	ring->mask = size - 1;
	ring->size = size;
	ring->producer = producer;
	ring->consumer = consumer;
	ring->ring = slots;
	ring->flags = flags;
}

/* The same for a consuming end. */
void libxdp_open_consumer(struct xsk_ring_cons *ring, uint32_t *producer, uint32_t *consumer,
			  uint32_t *flags, void *slots, uint32_t size)
{
	ring->cached_prod = *producer;
	ring->cached_cons = *consumer;
	ring->mask = size - 1;
	ring->size = size;
	ring->producer = producer;
	ring->consumer = consumer;
	ring->ring = slots;
	ring->flags = flags;
}

uint32_t libxdp_fill(struct rings *rings, const uint64_t *restrict addresses, uint32_t batch)
{
	uint32_t first;

	if (xsk_ring_prod__reserve(&rings->fill, batch, &first) == 0)
		return 0;
	for (uint32_t i = 0; i < batch; i++)
		*xsk_ring_prod__fill_addr(&rings->fill, first + i) = addresses[i];
	xsk_ring_prod__submit(&rings->fill, batch);
	return batch;
}

uint32_t libxdp_completion(struct rings *rings, uint64_t *restrict addresses, uint32_t batch)
{
	uint32_t first;
	uint32_t count = xsk_ring_cons__peek(&rings->completion, batch, &first);

	if (count == 0)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		addresses[i] = *xsk_ring_cons__comp_addr(&rings->completion, first + i);
	xsk_ring_cons__release(&rings->completion, count);
	return count;
}

uint32_t libxdp_rx(struct rings *rings, struct xdp_desc *restrict packets, uint32_t batch)
{
	uint32_t first;
	uint32_t count = xsk_ring_cons__peek(&rings->rx, batch, &first);

	if (count == 0)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		packets[i] = *xsk_ring_cons__rx_desc(&rings->rx, first + i);
	xsk_ring_cons__release(&rings->rx, count);
	return count;
}

uint32_t libxdp_tx(struct rings *rings, const struct xdp_desc *restrict packets, uint32_t batch)
{
	uint32_t first;

	if (xsk_ring_prod__reserve(&rings->tx, batch, &first) == 0)
		return 0;
	for (uint32_t i = 0; i < batch; i++)
		*xsk_ring_prod__tx_desc(&rings->tx, first + i) = packets[i];
	xsk_ring_prod__submit(&rings->tx, batch);
	return batch;
}

/* Looks at the flags of both rings that have any. */
void libxdp_flags(struct rings *rings)
{
	if (xsk_ring_prod__needs_wakeup(&rings->tx))
		rings->wakes++;
	if (xsk_ring_prod__needs_wakeup(&rings->fill))
		rings->wakes++;
}

/* Received packets to the TX ring. */
static inline __attribute__((always_inline)) uint32_t send_back(struct rings *rings, uint32_t batch)
{
	uint32_t from, to;
	uint32_t count = xsk_ring_cons__peek(&rings->rx, batch, &from);

	if (count == 0)
		return 0;
	if (xsk_ring_prod__reserve(&rings->tx, count, &to) == 0) {
		xsk_ring_cons__cancel(&rings->rx, count);
		return 0;
	}
	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__tx_desc(&rings->tx, to + i) =
			*xsk_ring_cons__rx_desc(&rings->rx, from + i);
	xsk_ring_prod__submit(&rings->tx, count);
	xsk_ring_cons__release(&rings->rx, count);
	return count;
}

/* Sent frames to the fill ring. */
static inline __attribute__((always_inline)) void refill(struct rings *rings, uint32_t batch)
{
	uint32_t from, to;
	uint32_t count = xsk_ring_cons__peek(&rings->completion, batch, &from);

	if (count == 0)
		return;
	if (xsk_ring_prod__reserve(&rings->fill, count, &to) == 0) {
		xsk_ring_cons__cancel(&rings->completion, count);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__fill_addr(&rings->fill, to + i) =
			*xsk_ring_cons__comp_addr(&rings->completion, from + i);
	xsk_ring_prod__submit(&rings->fill, count);
	xsk_ring_cons__release(&rings->completion, count);
}

uint32_t libxdp_round_trip(struct rings *rings, uint32_t batch)
{
	uint32_t count = send_back(rings, batch);

	refill(rings, batch);
	return count;
}

uint32_t libxdp_forward(struct rings *rings, uint32_t batch)
{
	uint32_t count = send_back(rings, batch);

	if (xsk_ring_prod__needs_wakeup(&rings->tx))
		rings->wakes++;
	refill(rings, batch);
	if (xsk_ring_prod__needs_wakeup(&rings->fill))
		rings->wakes++;
	return count;
}
