/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of the socket that will receive a TCP segment, and its out-of-order queue.
 * Layouts that only C can read; no policy.
 */
#ifndef _HTTP_FILTER_TCP_H
#define _HTTP_FILTER_TCP_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <asm/barrier.h>

struct sock;

#define HF_TCPF_SYNCHRONISED \
	(TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_CLOSE_WAIT | \
	 TCPF_CLOSING | TCPF_LAST_ACK)

/*
 * How many bytes of its stream a socket has received; U64_MAX if it was restored
 * (TCP_REPAIR) in the middle of its stream and has received nothing since. Read
 * without a lock. Later loads see what had been stored when the last of these bytes
 * passed the hook.
 */
u64 hf_tcp_received(const struct sock *sk);

/*
 * The sequence numbers of the first bytes of both directions of a connection; on the
 * end that opened it, @sent is that of its SYN.
 */
struct hf_first_seq {
	u32 received;
	u32 sent;
};

/*
 * Sockets are found without a lock, and their memory is used again for others
 * (SLAB_TYPESAFE_BY_RCU): what is read of one must not be older than the reference to
 * it, which was taken without a barrier.
 */
static inline void hf_tcp_referenced(void)
{
	smp_acquire__after_ctrl_dep();
}

/* Read without the socket's lock: wrong while its owner moves rcv_nxt. */
struct hf_first_seq hf_tcp_first_seq(const struct sock *sk);

/* The state of a locked socket, as far as a decision depends on it. */
struct hf_tcp_state {
	struct hf_first_seq first_seq;
	u32 urg_seq;
	u64 received;		/* bytes, as of hf_tcp_received() */
	bool owned;		/* by a process (lock_sock()) */
	bool has_backlog;	/* or its owner is processing it: the rest lags behind */
	bool backlog_may_have_data;
	bool first_seq_exact;	/* the owner is not about to move rcv_nxt */
	bool has_ofo_queue;	/* the out-of-order queue is not empty */
	bool urgent;		/* urg_seq is that of an urgent byte */
	bool filtered;		/* a socket filter may trim segments */
	bool done;		/* nobody will read more from it than it has received */
};
struct hf_tcp_state hf_tcp_lock(struct sock *sk);

/*
 * Whether an established socket has received nothing, the first byte of its stream is
 * @seq, no byte is to be skipped, and it receives segments whole. Read without the
 * socket's lock: of one that is just receiving something, it may also be told that its
 * stream begins behind that.
 */
bool hf_tcp_begins_at(const struct sock *sk, u32 seq);
void hf_tcp_unlock(struct sock *sk);

/*
 * The out-of-order queue of a locked socket without an owner, in the order of sequence
 * numbers. A segment that has grown (tcp_ooo_try_coalesce()) can cover those behind it.
 */
struct hf_ofo_segment {
	const struct sk_buff *skb;	/* NULL: the end */
	u32 seq;
	u32 len;
};
void hf_tcp_ofo_first(const struct sock *sk, struct hf_ofo_segment *segment);
void hf_tcp_ofo_next(struct hf_ofo_segment *segment);

/* The parts of a segment's header that decide whether TCP accepts its data. */
struct hf_acceptance {
	u32 seq;
	u32 end_seq;
	u32 ack;
	u32 tsval;
	u32 tsecr;
	bool has_tsval;
	bool has_md5;
	bool has_ao;
	bool has_odd_options;	/* malformed, or signatures of a wrong length */
};
/*
 * Whether TCP would accept a segment whose checksum is right, on a locked socket,
 * unless a security module objects. HF_TCP_UNKNOWN: keys, filters, other protocols, an
 * owner or the kernel's version decide; or, unless @certain, segments in flight may move
 * rcv_nxt before.
 */
enum hf_tcp_accepts {
	HF_TCP_NO,
	HF_TCP_UNKNOWN,
	HF_TCP_YES,
};
enum hf_tcp_accepts hf_tcp_accepts(const struct sock *sk, const struct sk_buff *skb,
				   const struct hf_acceptance *segment, bool certain);

/* The same of a request, for a segment that begins its stream. */
enum hf_tcp_accepts hf_tcp_request_accepts(const struct sock *sk, const struct sk_buff *skb,
					   const struct hf_acceptance *segment, bool certain);

/*
 * Removes a request, and answers a packet that came for it with a reset. The packet's TCP
 * header lies between the offsets @header and @payload. Not to be called with locks held.
 */
void hf_tcp_request_reset(struct sock *sk, const struct sk_buff *packet, u32 header, u32 payload);

/*
 * Aborts a connection, with a reset for both of its ends, unless a process owns the
 * socket. Does not wait for an owner. Sends a packet: not to be called with other locks held.
 */
enum hf_tcp_abort {
	HF_TCP_BUSY,		/* it has an owner, or a protocol on top of TCP refuses */
	HF_TCP_CLOSED,		/* it or its stream has ended, or no process reads from it */
	HF_TCP_ABORTED,
};
enum hf_tcp_abort hf_tcp_abort(struct sock *sk, const struct hf_first_seq *first_seq);

#endif
