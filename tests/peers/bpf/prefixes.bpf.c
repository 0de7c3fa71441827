// SPDX-License-Identifier: GPL-2.0
/*
 * Drops segments that begin as a request of one of nine methods: what methods.nft does,
 * as a program at NF_INET_LOCAL_IN.
 */
#include "kernel.h"
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>

#define WORD(a, b, c, d) ((a) << 24 | (b) << 16 | (c) << 8 | (d))

SEC("netfilter")
int prefixes(struct bpf_nf_ctx *ctx)
{
	struct bpf_dynptr packet;
	struct ipv6hdr ipv6_buffer;
	struct iphdr ipv4_buffer;
	struct tcphdr tcp_buffer;
	const struct tcphdr *tcp;
	const __u8 *payload;
	__u8 buffer[4];
	__u32 offset;

	if (bpf_dynptr_from_skb((struct __sk_buff *)ctx->skb, 0, &packet))
		return NF_ACCEPT;
	if (ctx->state->pf == NFPROTO_IPV4) {
		const struct iphdr *ip = bpf_dynptr_slice(&packet, 0, &ipv4_buffer, sizeof(*ip));

		if (!ip || ip->protocol != IPPROTO_TCP)
			return NF_ACCEPT;
		offset = ip->ihl * 4;
	} else {
		const struct ipv6hdr *ip = bpf_dynptr_slice(&packet, 0, &ipv6_buffer, sizeof(*ip));

		if (!ip || ip->nexthdr != IPPROTO_TCP)
			return NF_ACCEPT;
		offset = sizeof(*ip);
	}
	tcp = bpf_dynptr_slice(&packet, offset, &tcp_buffer, sizeof(*tcp));
	if (!tcp)
		return NF_ACCEPT;
	payload = bpf_dynptr_slice(&packet, offset + tcp->doff * 4, buffer, sizeof(buffer));
	if (!payload)
		return NF_ACCEPT;
	switch (WORD(payload[0], payload[1], payload[2], payload[3])) {
	case WORD('C', 'O', 'N', 'N'):
	case WORD('D', 'E', 'L', 'E'):
	case WORD('G', 'E', 'T', ' '):
	case WORD('H', 'E', 'A', 'D'):
	case WORD('O', 'P', 'T', 'I'):
	case WORD('P', 'A', 'T', 'C'):
	case WORD('P', 'O', 'S', 'T'):
	case WORD('P', 'U', 'T', ' '):
	case WORD('T', 'R', 'A', 'C'):
		return NF_DROP;
	}
	return NF_ACCEPT;
}

char LICENSE[] SEC("license") = "GPL";
