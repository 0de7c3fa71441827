/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The socket that will receive a TCP segment, where it stands in its stream, and
 * what waits in its out-of-order queue. Layouts that only C can read; no policy.
 */
#ifndef _HTTP_FILTER_TCP_H
#define _HTTP_FILTER_TCP_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

struct sock;

/*
 * Offset of TCP's header in a packet of IPv6, as the stack will find it. 0: it is
 * not TCP, or not yet (AH, ESP); negative: its headers are cut off, or it is a
 * fragment. *fragment: it has a fragment header.
 */
int hf_ipv6_tcp(const struct sk_buff *skb, bool *fragment);

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
void hf_flow_locate(struct hf_flow *flow, const struct sk_buff *skb);

/*
 * How many bytes of its stream a socket has received, U64_MAX if it was restored
 * (TCP_REPAIR) somewhere in its stream and has received nothing since; 0 for a
 * packet whose socket is not known yet. Monotone but for that, no lock; a later
 * load sees what was done before that many were let through.
 */
u64 hf_tcp_received(const struct sock *sk);
u64 hf_skb_received(const struct sk_buff *skb);
bool hf_skb_readable(const struct sk_buff *skb);

/* Where both directions of a connection begin: sequence numbers of their first bytes. */
struct hf_start {
	u32 received;
	u32 sent;
};

/* What will become of a segment's data. */
enum hf_tcp_receiver {
	HF_TCP_NOBODY,		/* nobody reads it: no socket, time-wait, closed */
	HF_TCP_CONNECTING,	/* the socket waits for its SYN-ACK */
	HF_TCP_REQUEST,		/* a socket yet to be made; *start is its connection's */
	HF_TCP_SOCKET,		/* a socket */
};
struct hf_socket {
	struct sock *sk;
	bool held;		/* by a reference of ours, else by the packet's */
};
enum hf_tcp_receiver hf_tcp_receiver(const struct sk_buff *skb, const struct hf_flow *flow,
				     unsigned int header, struct hf_socket *socket,
				     struct hf_start *start);
enum hf_tcp_receiver hf_tcp_find_again(const struct hf_flow *flow, struct hf_socket *socket,
				       struct hf_start *start);
void hf_tcp_put(struct hf_socket *socket);

/* A socket's start, read without its lock: wrong while its owner moves its position. */
struct hf_start hf_tcp_start(const struct sock *sk);

/* Whether the data of a SYN may be read as the start of a stream (RFC 7413). */
bool hf_tcp_reads_syn(const struct sk_buff *skb, const struct hf_flow *flow, bool ack);

/* Where a socket stands in its stream. */
struct hf_position {
	struct hf_start start;
	u32 urg_seq;
	u64 received;		/* bytes, as of hf_tcp_received() */
	bool owned;		/* by a process */
	bool pending;		/* segments wait for the owner: the position lags */
	bool data_pending;	/* some of them may have data */
	bool exact;		/* the start is not torn, though it may lag */
	bool queued;		/* the out-of-order queue is not empty */
	bool urgent;		/* urg_seq is the place of an urgent byte */
	bool filtered;		/* a socket filter may cut segments short */
	bool finished;		/* nobody will read more from it than it has received */
};
void hf_tcp_lock(struct sock *sk);
void hf_tcp_unlock(struct sock *sk);
void hf_tcp_position(const struct sock *sk, struct hf_position *position);

/*
 * The out-of-order queue of a locked socket that nobody owns, in the order of the
 * segments' beginnings. One can cover others behind it, where it has grown by what
 * came later (tcp_ooo_try_coalesce()).
 */
struct hf_queued {
	const struct sk_buff *skb;	/* NULL: the end */
	u32 seq;
	u32 len;
};
void hf_tcp_queue_first(const struct sock *sk, struct hf_queued *queued);
void hf_tcp_queue_next(struct hf_queued *queued);

/* What of a segment's header decides whether TCP takes its data. */
struct hf_segment {
	u32 seq;
	u32 end_seq;
	u32 ack;
	u32 tsval;
	bool has_tsval;
	bool has_signature;	/* TCP-MD5 or TCP-AO */
};
/*
 * Whether TCP would take a segment whose checksum is right, on a locked socket,
 * unless a security module objects. HF_TCP_UNKNOWN: keys, filters, other protocols or
 * an owner have a word in it; or the segment may not lie where the socket will stand,
 * if it is not @certain.
 */
enum hf_tcp_takes {
	HF_TCP_REFUSES,
	HF_TCP_UNKNOWN,
	HF_TCP_TAKES,
};
enum hf_tcp_takes hf_tcp_takes(const struct sock *sk, const struct sk_buff *skb,
			       const struct hf_segment *segment, bool certain);

/*
 * Ends a connection, with a reset for both of its ends, unless a process owns the
 * socket. Waits for no owner, but sends a packet: not to be called from the hook.
 */
enum hf_tcp_end {
	HF_TCP_BUSY,		/* it has an owner, or can't be ended */
	HF_TCP_OVER,		/* it or its stream has ended, or no process reads from it */
	HF_TCP_ENDED,
};
enum hf_tcp_end hf_tcp_end(struct sock *sk, const struct hf_start *start);

/*
 * The CPU whose softirqs are off from here until TCP has the packet, so that its
 * packets reach TCP in the order of the hook; HF_NO_CPU if there is none.
 */
#define HF_NO_CPU	0xffffffff
u32 hf_serial_cpu(void);

#endif
