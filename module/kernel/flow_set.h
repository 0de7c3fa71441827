/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of flows that can be asked for a socket's, without a lock. It may seem to have a
 * flow that it has not, once in some hundred times if it is full, but not the other way
 * round.
 */
#ifndef _HTTP_FILTER_FLOW_SET_H
#define _HTTP_FILTER_FLOW_SET_H

#include <linux/atomic.h>
#include <linux/netfilter.h>
#include <linux/types.h>

/* One direction of a connection, and by which device a packet of it came. */
struct hf_flow {
	u64 net_cookie;		/* of the route's namespace, where the socket is */
	__be32 saddr[4];	/* as in the packet; IPv4 in the first word */
	__be32 daddr[4];
	__be16 sport;
	__be16 dport;
	int iif;
	int sdif;
	u8 pf;			/* NFPROTO_* */
};

/* The last 32 bits of the sender's address. */
static inline __be32 hf_flow_peer(const struct hf_flow *flow)
{
	return flow->pf == NFPROTO_IPV4 ? flow->saddr[0] : flow->saddr[3];
}

/*
 * A slot has the number of its flows in its low half, and the sum of their fingerprints
 * in the other: with one flow in it, it is known which. The slot and the fingerprint
 * are parts of a product (multiply-shift hashing).
 */
struct hf_flow_set {
	u64 multiplier;		/* random and odd: strangers do not know which flows share a slot */
	atomic64_t *slots;
	u8 shift;		/* a product shifted so far is the number of a slot */
};

/* For so many flows. Process context. */
int hf_flow_set_init(struct hf_flow_set *set, size_t capacity);
void hf_flow_set_free(struct hf_flow_set *set);

/* With all memory accesses before and after in order. A flow can be added several times. */
void hf_flow_set_add(const struct hf_flow_set *set, const struct hf_flow *flow);
void hf_flow_set_remove(const struct hf_flow_set *set, const struct hf_flow *flow);

/*
 * A flow counts by its sender, of whose address the last 32 bits are @peer, and its ports,
 * as sk_portpair has them.
 */
static inline u64 hf_flow_set_product(const struct hf_flow_set *set, __be32 peer, u32 ports)
{
	return ((__force u64)peer << 32 | ports) * set->multiplier;
}

static inline atomic64_t *hf_flow_set_slot(const struct hf_flow_set *set, u64 product)
{
	return &set->slots[product >> (set->shift & 63)];
}

static inline u32 hf_flow_set_fingerprint(u64 product)
{
	return product >> 16;
}

static inline bool hf_flow_set_may_have(const struct hf_flow_set *set, u64 product)
{
	u64 slot = atomic64_read(hf_flow_set_slot(set, product));

	return unlikely(slot) &&
	       ((u32)slot != 1 || slot >> 32 == hf_flow_set_fingerprint(product));
}

#endif
