// SPDX-License-Identifier: GPL-2.0
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/inet_hashtables.h>

#include "flow_set.h"

/* If it is full, one flow in some hundred shares its slot with two others or more. */
#define HF_SLOTS_PER_FLOW	8

static u64 hf_flow_set_product_of(const struct hf_flow_set *set, const struct hf_flow *flow)
{
	return hf_flow_set_product(set, hf_flow_peer(flow),
				   INET_COMBINED_PORTS(flow->sport, ntohs(flow->dport)));
}

static s64 hf_flow_set_member(u64 product)
{
	return (u64)hf_flow_set_fingerprint(product) << 32 | 1;
}

int hf_flow_set_init(struct hf_flow_set *set, size_t capacity)
{
	unsigned int order = order_base_2(capacity * HF_SLOTS_PER_FLOW);

	set->slots = kvcalloc(1UL << order, sizeof(*set->slots), GFP_KERNEL);
	if (!set->slots)
		return -ENOMEM;
	set->shift = 64 - order;
	get_random_bytes(&set->multiplier, sizeof(set->multiplier));
	set->multiplier |= 1;
	return 0;
}

void hf_flow_set_free(struct hf_flow_set *set)
{
	kvfree(set->slots);
}

void hf_flow_set_add(const struct hf_flow_set *set, const struct hf_flow *flow)
{
	u64 product = hf_flow_set_product_of(set, flow);

	atomic64_add_return(hf_flow_set_member(product), hf_flow_set_slot(set, product));
}

void hf_flow_set_remove(const struct hf_flow_set *set, const struct hf_flow *flow)
{
	u64 product = hf_flow_set_product_of(set, flow);

	atomic64_sub_return(hf_flow_set_member(product), hf_flow_set_slot(set, product));
}
