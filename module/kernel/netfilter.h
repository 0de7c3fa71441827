/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of the hooks: what nearly all packets need, which is not to be handed
 * to Rust. No policy.
 */
#ifndef _HTTP_FILTER_NETFILTER_H
#define _HTTP_FILTER_NETFILTER_H

#include <linux/netfilter.h>

#include "defrag.h"
#include "tcp.h"

struct hf_flow_set;

/* A packet with a segment, and the socket that will receive it; none was looked up for a SYN. */
struct hf_packet {
	struct sk_buff *skb;
	const struct nf_hook_state *state;
	struct hf_segment segment;
	enum hf_tcp_lookup lookup;
	struct hf_socket socket;	/* to be given back with hf_tcp_put() */
	struct hf_first_seq first_seq;
};

/*
 * What the private data of a hook begin with; the functions get them.
 *
 * A packet is accepted if nothing is read of it, or if its socket is established and has
 * received something, and its flow is not in the set. Of all others, verdict() decides,
 * or unreadable() counts them, and they are accepted. What is added to the set while
 * something passes the hook is seen by whoever sees that received.
 */
struct hf_hook {
	const struct hf_flow_set *inspected;
	hf_gather *gather;	/* IPv6 is reassembled by it; NULL: it is not */
	unsigned int (*verdict)(void *priv, const struct hf_packet *packet);
	void (*unreadable)(void *priv, unsigned int why);	/* an enum hf_parse */
};
nf_hookfn hf_hook_ipv4;
nf_hookfn hf_hook_ipv6;

#endif
