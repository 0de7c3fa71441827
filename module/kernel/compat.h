/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C API of older kernels, as that of Linux 7.3. Distributions backport, so Kbuild
 * looks into the headers: HF_HAS_* tells what it has found there.
 */
#ifndef _HTTP_FILTER_COMPAT_H
#define _HTTP_FILTER_COMPAT_H

#include <linux/ratelimit.h>
#include <net/genetlink.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

/* Linux 6.2: before, one operation was both do and dump, and only one of them can be NULL. */
#ifndef HF_HAS_GENL_SPLIT_OPS
#define genl_split_ops genl_ops
#define split_ops ops
#define n_split_ops n_ops
#endif

/* Not in Linux 6.12. */
#ifndef NLA_POLICY_MAX_LEN
#define NLA_POLICY_MAX_LEN(_len) { .type = NLA_BINARY, .len = _len }
#endif

/* Linux 6.16. */
#ifndef HF_HAS_RATELIMIT_STATE_RESET_MISS
static inline int ratelimit_state_reset_miss(struct ratelimit_state *rs)
{
	return xchg(&rs->missed, 0);
}
#endif

/* Linux 6.17; in 6.1.y and 6.12.y as well. */
#ifndef HF_HAS_SKB_DST_DEV_NET_RCU
static inline struct net *skb_dst_dev_net_rcu(const struct sk_buff *skb)
{
	return dev_net(READ_ONCE(skb_dst(skb)->dev));
}
#endif

/* Linux 6.6; in 6.1.y as well: tells system calls that sleep on a socket that it was disconnected. */
static inline void hf_count_disconnect(struct sock *sk)
{
#ifdef HF_HAS_SK_DISCONNECTS
	sk->sk_disconnects++;
#endif
}

/* Linux 6.12: before, no data lay in a device's memory. */
#ifndef HF_HAS_SKB_FRAGS_READABLE
static inline bool skb_frags_readable(const struct sk_buff *skb)
{
	return true;
}
#endif

/* Linux 6.10: before, a reset had no reason. */
static inline void hf_send_reset(const struct request_sock *req, struct sk_buff *skb)
{
#ifdef HF_HAS_RST_REASON
	req->rsk_ops->send_reset(req->rsk_listener, skb, SK_RST_REASON_NOT_SPECIFIED);
#else
	req->rsk_ops->send_reset(req->rsk_listener, skb);
#endif
}

/* Linux 6.15: before, tcp_check_req() did not look at what is echoed. */
static inline bool hf_echoes_synack(const struct request_sock *req, u32 tsecr)
{
#ifdef HF_HAS_SNT_TSVAL_FIRST
	return !tsecr || !inet_rsk(req)->tstamp_ok ||
	       between(tsecr, tcp_rsk(req)->snt_tsval_first, READ_ONCE(tcp_rsk(req)->snt_tsval_last));
#else
	return true;
#endif
}

/* Linux 6.14. */
#ifndef __uninitialized
#define __uninitialized
#endif

/* Linux 6.18: before, the table of sockets was an argument. Up to 6.8 the namespace was not const. */
#ifdef HF_HAS_LOOKUP_IN_HASHINFO
#define __inet_lookup_established(net, ...) \
	__inet_lookup_established((struct net *)(net), (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#define __inet6_lookup_established(net, ...) \
	__inet6_lookup_established((struct net *)(net), (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#define __inet_lookup_listener(net, ...) \
	__inet_lookup_listener((net), (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#define inet6_lookup_listener(net, ...) \
	inet6_lookup_listener((net), (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#endif

/* Linux 6.8: before, the cookie was an argument. */
#ifdef HF_HAS_COOKIE_CHECK_OF_COOKIE
#define __cookie_v4_check(iph, th) __cookie_v4_check(iph, th, ntohl((th)->ack_seq) - 1)
#define __cookie_v6_check(iph, th) __cookie_v6_check(iph, th, ntohl((th)->ack_seq) - 1)
#endif

#endif
