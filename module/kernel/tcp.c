// SPDX-License-Identifier: GPL-2.0
#include <linux/bpf-cgroup.h>
#include <linux/rbtree.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/mptcp.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "compat.h"
#include "tcp.h"

/*
 * bytes_received is a statistic: on a socket that TCP_REPAIR has restored it starts at 0
 * in the middle of the stream. Such a socket has completed no handshake, which counts
 * as one packet delivered (tcp_rcv_state_process(), tcp_clean_rtx_queue()); and it
 * keeps the name of the queue that was restored last.
 */
static bool hf_tcp_restored(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	/* tcp_set_state() releases what was counted before. */
	if (!((1 << inet_sk_state_load(sk)) & HF_TCPF_SYNCHRONISED))
		return false;
	return !READ_ONCE(tp->delivered) || tp->repair_queue != TCP_NO_QUEUE;
}

/*
 * The hook that let a byte pass has told what it knows of its stream before TCP received
 * that byte: with a fully ordered atomic operation (hf_flow_set_add()), or under a lock.
 * Whoever sees the byte counted, even by a third CPU that had it from the backlog under
 * the socket's lock, sees that too in what it loads after the barrier.
 */
u64 hf_tcp_received(const struct sock *sk)
{
	u64 received;

	hf_tcp_referenced();
	received = data_race(tcp_sk(sk)->bytes_received);
	smp_rmb();
	/* One that has received something since has no entry, and so is past its start. */
	return !received && hf_tcp_restored(sk) ? U64_MAX : received;
}

struct hf_first_seq hf_tcp_first_seq(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	/* bytes_acked counts the SYN of the end that opened the connection, once. */
	return (struct hf_first_seq) {
		.received = READ_ONCE(tp->rcv_nxt) - (u32)data_race(tp->bytes_received),
		.sent = READ_ONCE(tp->snd_una) - (u32)data_race(tp->bytes_acked),
	};
}

/*
 * Whether the backlog of a locked socket may have a segment with data, or a FIN.
 * Segments that the owner is processing have left the list, but are still counted in
 * sk_backlog.len. After tcp_child_process(), and where tcp_add_backlog() has coalesced
 * segments, sk_backlog.len differs from the sum of the list as well.
 */
static bool hf_tcp_backlog_may_have_data(const struct sock *sk)
{
	const struct sk_buff *skb = sk->sk_backlog.tail ? sk->sk_backlog.head : NULL;
	unsigned int truesize = 0;
	unsigned int left;

	for (left = 16; skb; skb = skb->next) {
		if (TCP_SKB_CB(skb)->end_seq != TCP_SKB_CB(skb)->seq || !left--)
			return true;
		truesize += skb->truesize;
	}
	return truesize != READ_ONCE(sk->sk_backlog.len);
}

/*
 * The spinlock keeps other softirqs from moving rcv_nxt, but not an owner in process
 * context: __release_sock() processes the backlog with the spinlock dropped. While it
 * does, sk_backlog.tail is NULL, but sk_backlog.len is not 0. The order in which it
 * changes rcv_nxt and bytes_received is not defined for other CPUs. As long as nothing
 * was received, rcv_nxt is equal to copied_seq, which readers move later.
 *
 * Later, for a weakly ordered CPU too: the owner takes the spinlock between receiving a
 * segment and reading it, and so either has not moved copied_seq while the lock is held
 * here, or has released what it changed before. There are two exceptions, both within the
 * processing of one backlog: tcp_check_urg() skips a byte, and a protocol on top of TCP
 * reads in sk_data_ready() (sockmap, MPTCP). Reading copied_seq first is enough for those on
 * x86; elsewhere bytes_received may still be seen as 0, and rcv_nxt be taken for the
 * first byte. Then the flow's entry seems another connection's, with data in the
 * backlog, for which the inspection defers.
 */
static void hf_tcp_get_state(const struct sock *sk, struct hf_tcp_state *state)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 copied_seq = READ_ONCE(tp->copied_seq);

	smp_rmb();
	state->owned = sk->sk_lock.owned;
	state->has_backlog = state->owned &&
			     (READ_ONCE(sk->sk_backlog.len) || READ_ONCE(sk->sk_backlog.tail));
	state->backlog_may_have_data = state->has_backlog && hf_tcp_backlog_may_have_data(sk);
	state->first_seq = hf_tcp_first_seq(sk);
	state->received = hf_tcp_received(sk);
	state->first_seq_exact = !state->has_backlog ||
				   (!state->received &&
				    state->first_seq.received == copied_seq);
	state->has_ofo_queue = !RB_EMPTY_ROOT(&tp->out_of_order_queue);
	state->urgent = READ_ONCE(tp->urg_data);
	state->urg_seq = READ_ONCE(tp->urg_seq);
	state->filtered = rcu_access_pointer(sk->sk_filter);
	state->done = sock_flag(sk, SOCK_DEAD) || sock_flag(sk, SOCK_DONE);
}

/*
 * TCP takes the same lock for the same packet a moment later. Bottom halves are
 * off already where a packet comes from a device, not where it comes back from
 * user space.
 */
struct hf_tcp_state hf_tcp_lock(struct sock *sk)
{
	struct hf_tcp_state state __uninitialized;

	local_bh_disable();
	bh_lock_sock_nested(sk);
	hf_tcp_get_state(sk, &state);
	return state;
}

bool hf_tcp_begins_at(const struct sock *sk, u32 seq)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	/* TCP has set rcv_nxt before. */
	if (inet_sk_state_load(sk) != TCP_ESTABLISHED)
		return false;
	return !data_race(tp->bytes_received) && READ_ONCE(tp->rcv_nxt) == seq &&
	       !READ_ONCE(tp->urg_data) && !rcu_access_pointer(sk->sk_filter);
}

void hf_tcp_unlock(struct sock *sk)
{
	bh_unlock_sock(sk);
	local_bh_enable();
}

static void hf_tcp_ofo_set(struct hf_ofo_segment *segment, const struct rb_node *node)
{
	segment->skb = node ? rb_to_skb(node) : NULL;
	if (segment->skb) {
		segment->seq = TCP_SKB_CB(segment->skb)->seq;
		segment->len = segment->skb->len;
	}
}

void hf_tcp_ofo_first(const struct sock *sk, struct hf_ofo_segment *segment)
{
	hf_tcp_ofo_set(segment, rb_first(&tcp_sk(sk)->out_of_order_queue));
}

void hf_tcp_ofo_next(struct hf_ofo_segment *segment)
{
	hf_tcp_ofo_set(segment, rb_next(&segment->skb->rbnode));
}

static bool hf_tcp_has_keys(const struct tcp_sock *tp)
{
#ifdef CONFIG_TCP_MD5SIG
	if (rcu_access_pointer(tp->md5sig_info))
		return true;
#endif
#ifdef CONFIG_TCP_AO
	if (rcu_access_pointer(tp->ao_info))
		return true;
#endif
	return false;
}

static bool hf_tcp_has_policies(const struct sock *sk, const struct sk_buff *skb)
{
#ifdef CONFIG_XFRM
	const struct netns_xfrm *xfrm = &sock_net(sk)->xfrm;

	return rcu_access_pointer(sk->sk_policy[XFRM_POLICY_IN]) ||
	       READ_ONCE(xfrm->policy_count[XFRM_POLICY_IN]) ||
	       READ_ONCE(xfrm->policy_default[XFRM_POLICY_IN]) != XFRM_USERPOLICY_ACCEPT ||
	       secpath_exists(skb);
#else
	return false;
#endif
}

/* Whether anything but TCP itself may discard a segment. */
static bool hf_tcp_has_filters(const struct sock *sk, const struct sk_buff *skb)
{
#ifdef CONFIG_CGROUP_BPF
	if (cgroup_bpf_enabled(CGROUP_INET_INGRESS) &&
	    cgroup_bpf_sock_enabled((struct sock *)sk, CGROUP_INET_INGRESS))
		return true;
#endif
#ifdef CONFIG_INET_PSP
	if (rcu_access_pointer(sk->psp_assoc))
		return true;
#endif
#if IS_ENABLED(CONFIG_IPV6)
	if (inet6_sk(sk) && READ_ONCE(inet6_sk(sk)->min_hopcount))
		return true;
#endif
	return hf_tcp_has_policies(sk, skb) || READ_ONCE(inet_sk(sk)->min_ttl) ||
	       rcu_access_pointer(sk->sk_filter) || sk_is_mptcp(sk);
}

/*
 * A signature, on a socket without keys, makes TCP discard the segment, if this kernel
 * knows it. Which malformed options do, before and behind it, differs between kernels
 * (tcp_do_parse_auth_options(), before Linux 6.7 tcp_parse_md5sig_option()).
 */
static bool hf_tcp_is_discarded_as_signed(const struct hf_acceptance *segment)
{
	return !segment->has_odd_options &&
	       ((IS_ENABLED(CONFIG_TCP_MD5SIG) && segment->has_md5) ||
		(IS_ENABLED(CONFIG_TCP_AO) && segment->has_ao));
}

/* What TCP, with a socket or a listener, sees in a packet before it looks at the numbers. */
static enum hf_tcp_accepts hf_tcp_accepts_packet(const struct sock *sk, const struct sk_buff *skb,
						 const struct hf_acceptance *segment)
{
	if (skb->pkt_type != PACKET_HOST ||
	    (skb_pfmemalloc(skb) && !sock_flag(sk, SOCK_MEMALLOC)))
		return HF_TCP_NO;
	if (hf_tcp_has_keys(tcp_sk(sk)))
		return HF_TCP_UNKNOWN;
	return hf_tcp_is_discarded_as_signed(segment) ? HF_TCP_NO : HF_TCP_YES;
}

/* What TCP may see in it that is not looked at here. */
static bool hf_tcp_may_discard_packet(const struct sock *sk, const struct sk_buff *skb,
				      const struct hf_acceptance *segment)
{
	return segment->has_md5 || segment->has_ao || segment->has_odd_options ||
	       hf_tcp_has_filters(sk, skb);
}

/*
 * After tcp_v4_rcv(), sk_filter_trim_cap(), tcp_ack(), tcp_validate_incoming(),
 * tcp_sequence() and tcp_data_queue().
 */
enum hf_tcp_accepts hf_tcp_accepts(const struct sock *sk, const struct sk_buff *skb,
				   const struct hf_acceptance *segment, bool certain)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	enum hf_tcp_accepts accepts = hf_tcp_accepts_packet(sk, skb, segment);
	u32 oldest;

	if (accepts != HF_TCP_YES)
		return accepts;
	/* Resets what comes after close(), ignores what comes after a FIN (tcp_rcv_state_process()). */
	if ((READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) &&
	    ((1 << inet_sk_state_load(sk)) & (HF_TCPF_SYNCHRONISED & ~TCPF_ESTABLISHED)))
		return HF_TCP_NO;
	/* An owner may be changing all of these, and be sending as much as the window allows. */
	if (sk->sk_lock.owned)
		return after(segment->ack, READ_ONCE(tp->write_seq) + READ_ONCE(tp->max_window)) ?
			HF_TCP_NO : HF_TCP_UNKNOWN;
	oldest = tp->snd_una - (u32)min_t(u64, tp->max_window, tp->bytes_acked);
	if (before(segment->ack, oldest) || after(segment->ack, tp->snd_nxt))
		return HF_TCP_NO;
	if (segment->has_tsval && tp->rx_opt.tstamp_ok) {
		struct tcp_options_received rx_opt = tp->rx_opt;

		rx_opt.rcv_tsval = segment->tsval;
		if (!tcp_paws_check(&rx_opt, TCP_PAWS_WINDOW))
			return HF_TCP_NO;
	}
	/* Segments in flight may move rcv_nxt. */
	if (!certain)
		return HF_TCP_UNKNOWN;
	if (after(segment->seq, tp->rcv_nxt) || !after(segment->end_seq, tp->rcv_nxt))
		return HF_TCP_NO;
	/* Older kernels discard an old ACK while they close (tcp_rcv_state_process()). */
	if (before(segment->ack, tp->snd_una) && sk->sk_state != TCP_ESTABLISHED)
		return HF_TCP_UNKNOWN;
	if (hf_tcp_may_discard_packet(sk, skb, segment) ||
	    after(segment->end_seq, tp->rcv_nxt + tcp_receive_window(tp)))
		return HF_TCP_UNKNOWN;
	return HF_TCP_YES;
}

/*
 * After tcp_v4_rcv() and tcp_check_req(). A full queue of connections to be accepted, which
 * makes TCP discard what is right, is not looked at.
 */
enum hf_tcp_accepts hf_tcp_request_accepts(const struct sock *sk, const struct sk_buff *skb,
					   const struct hf_acceptance *segment, bool certain)
{
	const struct request_sock *req = inet_reqsk(sk);
	const struct sock *listener = req->rsk_listener;
	enum hf_tcp_accepts accepts = hf_tcp_accepts_packet(listener, skb, segment);

	if (accepts != HF_TCP_YES)
		return accepts;
	if (segment->ack != tcp_rsk(req)->snt_isn + 1)
		return HF_TCP_NO;
	if (segment->has_tsval) {
		const struct tcp_options_received rx_opt = {
			.ts_recent = req->ts_recent,
			.ts_recent_stamp = ktime_get_seconds(),
			.rcv_tsval = segment->tsval,
		};

		if (tcp_paws_reject(&rx_opt, 0) || !hf_echoes_synack(req, segment->tsecr))
			return HF_TCP_NO;
	}
	return certain && !hf_tcp_may_discard_packet(listener, skb, segment) ? HF_TCP_YES :
									       HF_TCP_UNKNOWN;
}

/*
 * As tcp_check_req() ends a request. What TCP's function expects of a packet is made in a
 * copy of its metadata: tcp_v4_fill_cb() moves what IP has noted, and a transport header of
 * IPv6 is at the first extension header still.
 */
void hf_tcp_request_reset(struct sock *sk, const struct sk_buff *packet, u32 header, u32 payload)
{
	struct sk_buff *skb = skb_clone((struct sk_buff *)packet, GFP_ATOMIC);

	tcp_abort(sk, ECONNRESET);
	/* Without memory, what is retransmitted finds no connection, and is reset. */
	if (!skb)
		return;
	if (pskb_may_pull(skb, payload)) {
		skb_set_transport_header(skb, header);
		memmove(&TCP_SKB_CB(skb)->header, skb->cb, sizeof(TCP_SKB_CB(skb)->header));
		local_bh_disable();
		hf_send_reset(inet_reqsk(sk), skb);
		local_bh_enable();
	}
	consume_skb(skb);
}

static bool hf_tcp_has_tls(const struct sock *sk)
{
	return inet_csk(sk)->icsk_ulp_ops && !sk_is_mptcp(sk);
}

/*
 * tcp_abort() would wait for an owner, who may keep the socket for ever. disconnect()
 * needs only the spinlock, as in inet_child_forget(). It does not wake those who wait
 * for a change of state; that is done here. A socket that no process reads from any more, or whose
 * stream has ended, is left as it is.
 */
enum hf_tcp_abort hf_tcp_abort(struct sock *sk, const struct hf_first_seq *first_seq)
{
	enum hf_tcp_abort abort = HF_TCP_CLOSED;
	struct hf_first_seq now;

	local_bh_disable();
	bh_lock_sock_nested(sk);
	now = hf_tcp_first_seq(sk);
	if (sk->sk_lock.owned) {
		abort = HF_TCP_BUSY;
	} else if (((1 << sk->sk_state) & (HF_TCPF_SYNCHRONISED | TCPF_SYN_RECV)) &&
		   now.received == first_seq->received && now.sent == first_seq->sent &&
		   !sock_flag(sk, SOCK_DEAD) && !sock_flag(sk, SOCK_DONE)) {
		/* Protocols on top of TCP may refuse, and kTLS must: before Linux 6.15 it does not itself. */
		if (!hf_tcp_has_tls(sk) && !READ_ONCE(sk->sk_prot)->disconnect(sk, 0))
			abort = HF_TCP_ABORTED;
		else
			abort = HF_TCP_BUSY;
	}
	if (abort == HF_TCP_ABORTED) {
		/* System calls that sleep on the socket must fail. */
		hf_count_disconnect(sk);
		sk->sk_state_change(sk);
	}
	bh_unlock_sock(sk);
	local_bh_enable();
	return abort;
}
