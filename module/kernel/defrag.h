/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IPv6 fragments of packets for this host, put together by nf_defrag_ipv6, which
 * is not linked against. No policy.
 */
#ifndef _HTTP_FILTER_DEFRAG_H
#define _HTTP_FILTER_DEFRAG_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

/* nf_ct_frag6_gather(); its module is held from get to put. NULL if it can't be had; may sleep. */
typedef int hf_gather(struct net *net, struct sk_buff *skb, u32 user);
hf_gather *hf_defrag_ipv6_get(void);
void hf_defrag_ipv6_put(void);

/*
 * What a hook at NF_INET_LOCAL_IN is to answer for a packet of IPv6: NF_ACCEPT if
 * it is whole, now at least, or no fragment that would ever be put together;
 * NF_STOLEN if it waits for others; NF_DROP if it is of no use.
 */
unsigned int hf_defrag_ipv6(hf_gather *gather, struct sk_buff *skb,
			    const struct nf_hook_state *state);

#endif
