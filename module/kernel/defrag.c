// SPDX-License-Identifier: GPL-2.0
#include <linux/ipv6.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <net/ipv6.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

#include "defrag.h"

/*
 * Fragments are only put together with those that the same user gathers. The
 * numbers of enum ip6_defrag_users begin at 0, and more are given out from there:
 * this one is the last of all.
 */
#define HF_DEFRAG_USER	U32_MAX

/* A link against the module would make a bare insmod fail. */
hf_gather *hf_defrag_ipv6_get(void)
{
	return try_then_request_module(symbol_get(nf_ct_frag6_gather), "nf_defrag_ipv6");
}

void hf_defrag_ipv6_put(void)
{
	symbol_put(nf_ct_frag6_gather);
}

/*
 * Whether the stack would put it together with others. From where the stack goes
 * on, as ip6_protocol_deliver_rcu() finds that. An atomic fragment is whole, and
 * must not meet others of its identification (RFC 6946).
 */
static bool hf_is_fragment(const struct sk_buff *skb)
{
	u8 nexthdr = skb_network_header(skb)[IP6CB(skb)->nhoff];
	__be16 frag_off;

	/* Nearly all packets. */
	if (nexthdr == NEXTHDR_TCP)
		return false;
	/* Fragments of a fragment are discarded (ipv6_frag_rcv()). Gathering would find the first header. */
	if (IP6CB(skb)->flags & IP6SKB_FRAGMENTED)
		return false;
	/* Of headers that are cut off, frag_off tells as far as they go. */
	ipv6_skip_exthdr(skb, skb_transport_offset(skb), &nexthdr, &frag_off);
	return frag_off & htons(IP6_OFFSET | IP6_MF);
}

/*
 * The transport header is where the stack goes on; gathering left it behind all
 * extension headers. It has to look at those before the fragment header still,
 * from the one on whose type is at nhoff. Both are the first fragment's.
 */
static void hf_rewind(struct sk_buff *skb)
{
	const unsigned int nhoff = IP6CB(skb)->nhoff;
	unsigned int offset = sizeof(struct ipv6hdr);

	if (nhoff >= offset)
		offset = nhoff + ipv6_optlen((struct ipv6_opt_hdr *)(skb_network_header(skb) + nhoff));
	skb_set_transport_header(skb, offset);
}

/*
 * As ipv6_defrag(), but for packets that are routed here, and whatever conntrack
 * knows of them. Bottom halves may be on: gathering turns them off for itself.
 */
unsigned int hf_defrag_ipv6(hf_gather *gather, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	if (!hf_is_fragment(skb))
		return NF_ACCEPT;
	switch (gather(state->net, skb, HF_DEFRAG_USER)) {
	case 0:
		hf_rewind(skb);
		return NF_ACCEPT;
	case -EINPROGRESS:
		return NF_STOLEN;
	default:
		return NF_DROP;
	}
}
