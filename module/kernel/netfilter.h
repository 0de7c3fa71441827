/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of the hooks, from a packet to its TCP segment and the socket for it:
 * what nearly all packets need, which is not to be handed to Rust. No policy.
 */
#ifndef _HTTP_FILTER_NETFILTER_H
#define _HTTP_FILTER_NETFILTER_H

#include <linux/netfilter.h>

#include "defrag.h"
#include "flow_set.h"
#include "tcp.h"

/* A TCP segment in a packet; offsets are relative to the network header. */
struct hf_segment {
	struct hf_flow flow;
	u32 header;
	u32 payload;
	u32 len;		/* of the payload, which lies within the packet, as the header does */
	u32 seq;		/* of the header; data of a SYN begin one behind it */
	u32 ack_seq;
	u16 urg_ptr;
	u8 flags;		/* TCPHDR_* */
};
enum hf_parse {
	HF_NO_SEGMENT,		/* not TCP, or not yet (AH, ESP), or nothing is read of it */
	HF_MALFORMED,		/* headers that contradict themselves */
	HF_FRAGMENT,		/* a later fragment of IPv6 that was not reassembled */
	HF_DEVICE_MEMORY,	/* data for a reader that is not in this kernel */
	HF_SEGMENT,
};

/* What receives a segment's data. */
enum hf_tcp_lookup {
	HF_TCP_SOCKET,		/* a full socket */
	HF_TCP_NO_SOCKET,	/* none, or one in time-wait or closed */
	HF_TCP_SYN_SENT,	/* a socket that has sent a SYN, and whose handshake goes on */
	HF_TCP_REQUEST,		/* a request, or a SYN cookie; *first_seq is set */
	HF_TCP_REQUEST_GONE,	/* the packet's request, which its socket may be replacing */
	HF_TCP_OTHER_FLOW,	/* a socket of another flow, which a BPF program has assigned */
};
struct hf_socket {
	struct sock *sk;
	bool held;		/* by a reference of ours, else by the packet's */
};
enum hf_tcp_lookup hf_tcp_lookup(const struct sk_buff *skb, const struct hf_segment *segment,
				 struct hf_socket *socket, struct hf_first_seq *first_seq);
enum hf_tcp_lookup hf_tcp_lookup_flow(const struct hf_flow *flow, struct hf_socket *socket,
				      struct hf_first_seq *first_seq);
void hf_tcp_put(struct hf_socket *socket);

/* Whether the data of a SYN may be read as the start of a stream (RFC 7413). */
bool hf_tcp_reads_syn(const struct sk_buff *skb, const struct hf_segment *segment);

/* A packet with a segment, and the socket that will receive it; none was looked up for a SYN. */
struct hf_packet {
	struct sk_buff *skb;
	const struct nf_hook_state *state;
	struct hf_segment segment;
	enum hf_tcp_lookup lookup;
	struct hf_socket socket;	/* to be given back with hf_tcp_put() */
	struct hf_first_seq first_seq;
	u32 cpu;			/* whose softirq this is, or HF_NO_CPU */
};
#define HF_NO_CPU	0xffffffff

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
