// SPDX-License-Identifier: GPL-2.0
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

#include "compat.h"
#include "flow_set.h"
#include "netfilter.h"
#include "netns.h"

/*
 * Offset of TCP's header in a packet of IPv6, as the stack will find it. 0: it is not TCP,
 * or not yet; negative: its headers are cut off, or it is a fragment. *fragment: it
 * has a fragment header, which a whole packet may have too (RFC 8200, section 4.5).
 *
 * ip6_protocol_deliver_rcu() goes on from the transport header, whose type is at
 * nhoff: what is before that has been looked at already, if IPsec has brought the
 * packet here again. Each turn takes 8 bytes of the packet or more.
 *
 * An authenticated packet (RFC 4302) is not TCP yet, as over IPv4: only what was found
 * authentic, and the header gone, is read, and that comes by the hook as a packet of its
 * own (xfrm6_transport_finish(), gro_cells_receive()).
 */
static int hf_ipv6_tcp(const struct sk_buff *skb, bool *fragment)
{
	u8 nexthdr = skb_network_header(skb)[IP6CB(skb)->nhoff];
	int offset = skb_transport_offset(skb);

	while (nexthdr != NEXTHDR_TCP) {
		struct frag_hdr buffer;
		const struct frag_hdr *hdr;

		if (!ipv6_ext_hdr(nexthdr) || nexthdr == NEXTHDR_AUTH || nexthdr == NEXTHDR_NONE)
			return 0;
		hdr = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);
		if (!hdr)
			return -EBADMSG;
		if (nexthdr == NEXTHDR_FRAGMENT) {
			*fragment = true;
			if (hdr->frag_off & htons(IP6_OFFSET))
				return -EBADMSG;
			offset += sizeof(*hdr);
		} else {
			offset += ipv6_optlen((const struct ipv6_opt_hdr *)hdr);
		}
		nexthdr = hdr->nexthdr;
	}
	return offset;
}

/*
 * As tcp_v4_rcv() and tcp_v6_rcv() look up: in the route's namespace, which need
 * not be that of the hook (ipvlan in mode l3s).
 */
static __always_inline void hf_flow_of(struct hf_flow *flow, const struct sk_buff *skb, u8 pf,
				       const struct tcphdr *th)
{
	flow->net_cookie = skb_dst_dev_net_rcu(skb)->net_cookie;
	if (pf == NFPROTO_IPV4) {
		memset(flow->saddr, 0, sizeof(flow->saddr));
		memset(flow->daddr, 0, sizeof(flow->daddr));
		flow->saddr[0] = ip_hdr(skb)->saddr;
		flow->daddr[0] = ip_hdr(skb)->daddr;
		flow->iif = inet_iif(skb);
		flow->sdif = inet_sdif(skb);
	} else {
		memcpy(flow->saddr, &ipv6_hdr(skb)->saddr, sizeof(flow->saddr));
		memcpy(flow->daddr, &ipv6_hdr(skb)->daddr, sizeof(flow->daddr));
		flow->iif = inet6_iif(skb);
		flow->sdif = inet6_sdif(skb);
	}
	flow->sport = th->source;
	flow->dport = th->dest;
	flow->pf = pf;
}

/* Whether a segment has an option of Multipath TCP (RFC 8684, section 3), as far as it can be read. */
static bool hf_has_mptcp(const struct sk_buff *skb, int header, const struct tcphdr *th)
{
	u8 buffer[MAX_TCP_OPTION_SPACE] __uninitialized;
	int len = th->doff * 4 - sizeof(*th);
	const u8 *option = skb_header_pointer(skb, header + sizeof(*th), len, buffer);

	while (option && len > 1 && *option != TCPOPT_EOL) {
		int size = *option == TCPOPT_NOP ? 1 : option[1];

		if (*option == TCPOPT_MPTCP)
			return true;
		if (!size)
			break;
		option += size;
		len -= size;
	}
	return false;
}

/*
 * Finds TCP's header, and whether something may be read of the segment: if it has data or
 * points to urgent data, and is of a form that TCP does not discard at once (RFC 9293,
 * section 3.10.7); or if it may ask to add a subflow to a connection. The IP header is
 * complete and checked, and IPv4 is reassembled.
 */
static __always_inline enum hf_parse hf_parse(const struct sk_buff *skb, u8 pf, int *header,
					      const struct tcphdr **tcp, struct tcphdr *buffer)
{
	const struct tcphdr *th = NULL;
	bool fragment = false;
	unsigned int end;

	if (pf == NFPROTO_IPV4)
		*header = ip_hdr(skb)->protocol == IPPROTO_TCP ? ip_hdrlen(skb) : 0;
	else
		*header = hf_ipv6_tcp(skb, &fragment);
	if (!*header)
		return HF_NO_SEGMENT;
	if (likely(*header > 0))
		th = skb_header_pointer(skb, *header, sizeof(*buffer), buffer);
	if (unlikely(!th))
		return fragment ? HF_FRAGMENT : HF_MALFORMED;
	if (unlikely(th->doff * 4 < sizeof(*th)))
		return HF_MALFORMED;
	end = *header + th->doff * 4;
	if (unlikely(end > skb->len))
		return fragment ? HF_FRAGMENT : HF_MALFORMED;
	if (likely((tcp_flag_byte(th) & (TCPHDR_SYN | TCPHDR_RST | TCPHDR_ACK)) == TCPHDR_ACK)) {
		if (end == skb->len && !th->urg)
			return HF_NO_SEGMENT;
	} else if (!th->syn || (end == skb->len && !th->urg && !hf_has_mptcp(skb, *header, th))) {
		return HF_NO_SEGMENT;
	}
	if (unlikely(!skb_frags_readable(skb)))
		return HF_DEVICE_MEMORY;
	*tcp = th;
	return HF_SEGMENT;
}

/* The lookup that TCP will do, listeners excepted; takes a reference. Addresses as in struct hf_flow. */
static __always_inline struct sock *hf_inet_lookup(const struct net *net, u8 pf, const __be32 *saddr,
						   __be16 sport, const __be32 *daddr, __be16 dport,
						   int iif, int sdif)
{
	if (pf == NFPROTO_IPV4)
		return __inet_lookup_established(net, *saddr, sport, *daddr, ntohs(dport), iif, sdif);
#if IS_ENABLED(CONFIG_IPV6)
	return __inet6_lookup_established(net, (const struct in6_addr *)saddr, sport,
					  (const struct in6_addr *)daddr, ntohs(dport), iif, sdif);
#else
	return NULL;
#endif
}

static struct sock *hf_tcp_inet_lookup(const struct net *net, const struct hf_flow *flow)
{
	return hf_inet_lookup(net, flow->pf, flow->saddr, flow->sport, flow->daddr, flow->dport,
			      flow->iif, flow->sdif);
}

/* Of a packet, most of which need no hf_flow. */
static __always_inline struct sock *hf_skb_inet_lookup(const struct sk_buff *skb, u8 pf,
						       const struct tcphdr *th)
{
	const struct net *net = skb_dst_dev_net_rcu(skb);

	if (pf == NFPROTO_IPV4)
		return hf_inet_lookup(net, pf, &ip_hdr(skb)->saddr, th->source, &ip_hdr(skb)->daddr,
				      th->dest, inet_iif(skb), inet_sdif(skb));
	return hf_inet_lookup(net, pf, ipv6_hdr(skb)->saddr.s6_addr32, th->source,
			      ipv6_hdr(skb)->daddr.s6_addr32, th->dest, inet6_iif(skb), inet6_sdif(skb));
}

/* The ACK that brings a SYN cookie back has no socket yet: TCP creates it, with the ACK's data. */
static bool hf_tcp_cookie(const struct sk_buff *skb, const struct hf_segment *segment,
			  struct hf_first_seq *first_seq)
{
	const struct net *net = skb_dst_dev_net_rcu(skb);
	const struct tcphdr *th;
	struct tcphdr buffer;

	if (!(segment->flags & TCPHDR_ACK) || !READ_ONCE(net->ipv4.sysctl_tcp_syncookies))
		return false;
	th = skb_header_pointer(skb, segment->header, sizeof(buffer), &buffer);
	if (!th)
		return false;
	first_seq->received = segment->seq;
	first_seq->sent = segment->ack_seq;
	/* A cookie that a BPF program has validated (bpf_sk_assign_tcp_reqsk()). */
	if (skb->sk && READ_ONCE(skb->sk->sk_state) == TCP_NEW_SYN_RECV &&
	    inet_reqsk(skb->sk)->syncookie)
		return true;
	if (segment->flow.pf == NFPROTO_IPV4)
		return __cookie_v4_check(ip_hdr(skb), th);
	return IS_ENABLED(CONFIG_IPV6) && __cookie_v6_check(ipv6_hdr(skb), th);
}

/*
 * Whether a SYN has crossed the socket's own (RFC 9293, figure 8). TCP then sets the state
 * before rcv_nxt, which was 0. A listener's socket is in the same state, and no process
 * has it yet, unless it was made by Fast Open.
 */
static bool hf_tcp_crossed(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && READ_ONCE(sk->sk_socket) &&
	       !rcu_access_pointer(tcp_sk(sk)->fastopen_rsk);
}

static __always_inline enum hf_tcp_lookup hf_tcp_kind(const struct sock *sk,
						      struct hf_first_seq *first_seq)
{
	u8 state;

	hf_tcp_referenced();
	state = READ_ONCE(sk->sk_state);
	if (unlikely(state != TCP_ESTABLISHED)) {
		switch (state) {
		case TCP_TIME_WAIT:
		case TCP_CLOSE:
			return HF_TCP_NO_SOCKET;
		case TCP_SYN_RECV:
			if (!hf_tcp_crossed(sk))
				break;
			fallthrough;
		case TCP_SYN_SENT:
			return HF_TCP_SYN_SENT;
		case TCP_NEW_SYN_RECV:
			first_seq->received = tcp_rsk(inet_reqsk(sk))->rcv_isn + 1;
			first_seq->sent = tcp_rsk(inet_reqsk(sk))->snt_isn + 1;
			return HF_TCP_REQUEST;
		default:
			break;
		}
	}
	return sk_is_tcp(sk) ? HF_TCP_SOCKET : HF_TCP_NO_SOCKET;
}

/* The same for a flow whose packet is gone, and whose namespace may be gone. */
enum hf_tcp_lookup hf_tcp_lookup_flow(const struct hf_flow *flow, struct hf_socket *socket,
				      struct hf_first_seq *first_seq)
{
	const struct net *net;

	/* A namespace is freed a grace period after it has left the table. */
	rcu_read_lock();
	net = hf_net_find(flow->net_cookie);
	socket->sk = net ? hf_tcp_inet_lookup(net, flow) : NULL;
	socket->held = socket->sk;
	rcu_read_unlock();
	return socket->sk ? hf_tcp_kind(socket->sk, first_seq) : HF_TCP_NO_SOCKET;
}

/* As inet_match() and inet6_match(). */
static __always_inline bool hf_sk_has_flow(const struct sock *sk, const struct hf_flow *flow)
{
	if (READ_ONCE(sk->sk_portpair) != INET_COMBINED_PORTS(flow->sport, ntohs(flow->dport)) ||
	    sock_net(sk)->net_cookie != flow->net_cookie)
		return false;
#if IS_ENABLED(CONFIG_IPV6)
	if (flow->pf == NFPROTO_IPV6)
		return ipv6_addr_equal(&sk->sk_v6_daddr, (const struct in6_addr *)flow->saddr) &&
		       ipv6_addr_equal(&sk->sk_v6_rcv_saddr, (const struct in6_addr *)flow->daddr);
#endif
	return sk->sk_daddr == flow->saddr[0] && sk->sk_rcv_saddr == flow->daddr[0];
}

/*
 * The socket that early demux has found for a packet. That may be a request which has
 * become a socket since, because early demux ran before the packets of the same batch
 * were received, or a listener (TPROXY): then TCP looks again, and so does this module.
 */
static __always_inline struct sock *hf_demuxed(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (!sk || likely(READ_ONCE(sk->sk_state) == TCP_ESTABLISHED))
		return sk;
	return !sk_fullsock(sk) || READ_ONCE(sk->sk_state) == TCP_LISTEN ? NULL : sk;
}

/* What was found for a packet: nothing, its demuxed socket, or one that was looked up. */
static __always_inline enum hf_tcp_lookup hf_tcp_found(const struct sk_buff *skb,
						       const struct hf_segment *segment,
						       const struct hf_socket *socket,
						       struct hf_first_seq *first_seq)
{
	if (socket->sk) {
		enum hf_tcp_lookup lookup = hf_tcp_kind(socket->sk, first_seq);

		/* One that was closed meanwhile has no flow any more. */
		if (lookup == HF_TCP_SOCKET && !socket->held &&
		    !hf_sk_has_flow(socket->sk, &segment->flow))
			return HF_TCP_OTHER_FLOW;
		return lookup;
	}
	if (hf_tcp_cookie(skb, segment, first_seq))
		return HF_TCP_REQUEST;
	/*
	 * A socket takes its request's place in the table. Who looks at that moment may find
	 * neither: a lookup gives up at a request that has just ended, and older kernels'
	 * inet_ehash_insert() removed the one before it inserted the other. TCP, which has
	 * the packet's request, looks again after it.
	 */
	if (skb->sk && READ_ONCE(skb->sk->sk_state) == TCP_NEW_SYN_RECV)
		return HF_TCP_REQUEST_GONE;
	return HF_TCP_NO_SOCKET;
}

enum hf_tcp_lookup hf_tcp_lookup(const struct sk_buff *skb, const struct hf_segment *segment,
				 struct hf_socket *socket, struct hf_first_seq *first_seq)
{
	socket->sk = hf_demuxed(skb);
	socket->held = false;
	if (!socket->sk) {
		socket->sk = hf_tcp_inet_lookup(skb_dst_dev_net_rcu(skb), &segment->flow);
		socket->held = socket->sk;
	}
	return hf_tcp_found(skb, segment, socket, first_seq);
}

void hf_tcp_put(struct hf_socket *socket)
{
	if (socket->held)
		sock_gen_put(socket->sk);
}

/*
 * A SYN's data is read by Fast Open listeners, which are not looked up here: it is
 * enough that the namespace allows them. A SYN-ACK's data is read by Fast Open clients
 * (tcp_rcv_fastopen_synack()).
 */
bool hf_tcp_reads_syn(const struct sk_buff *skb, const struct hf_segment *segment)
{
	struct hf_socket socket;
	struct hf_first_seq first_seq;
	bool reads;

	if (!(segment->flags & TCPHDR_ACK))
		return READ_ONCE(skb_dst_dev_net_rcu(skb)->ipv4.sysctl_tcp_fastopen) &
		       TFO_SERVER_ENABLE;
	reads = hf_tcp_lookup(skb, segment, &socket, &first_seq) == HF_TCP_SYN_SENT &&
		sk_is_tcp(socket.sk) &&
		(tcp_sk(socket.sk)->syn_fastopen || tcp_sk(socket.sk)->syn_data);
	hf_tcp_put(&socket);
	return reads;
}

/*
 * Later loads see what had been stored when what was received passed the hook, as after
 * hf_tcp_received(), to which a socket is left that TCP_REPAIR has restored, and that
 * has received nothing since.
 */
static bool hf_tcp_has_received(const struct sock *sk)
{
	bool has_received = data_race(tcp_sk(sk)->bytes_received);

	smp_rmb();
	return has_received;
}

/* The same of any socket. No other one is TCP_ESTABLISHED with this protocol. */
static bool hf_sk_has_received(const struct sock *sk)
{
	if (unlikely(!sk))
		return false;
	hf_tcp_referenced();
	return likely(inet_sk_state_load(sk) == TCP_ESTABLISHED) &&
	       likely(sk->sk_protocol == IPPROTO_TCP) && likely(hf_tcp_has_received(sk));
}

/* Whether the set may have the flow that a socket receives from. */
static __always_inline bool hf_has(const struct hf_flow_set *set, u8 pf, const struct sock *sk)
{
	__be32 peer = sk->sk_daddr;

#if IS_ENABLED(CONFIG_IPV6)
	if (pf == NFPROTO_IPV6)
		peer = sk->sk_v6_daddr.s6_addr32[3];
#endif
	return hf_flow_set_may_have(set, hf_flow_set_product(set, peer, READ_ONCE(sk->sk_portpair)));
}

/*
 * In a softirq, bottom halves stay off until TCP has the packet. With PREEMPT_RT softirqs
 * are threads, which may be interrupted by others of the CPU.
 */
static u32 hf_softirq_cpu(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) || !in_softirq() ? HF_NO_CPU : smp_processor_id();
}

/* A packet that is to be inspected; sk is what was found for it, by early demux unless it is held. */
static __always_inline unsigned int hf_inspect(const struct hf_hook *hook, struct sk_buff *skb,
					       const struct nf_hook_state *state, u8 pf,
					       const struct tcphdr *th, unsigned int header,
					       struct sock *sk, bool held)
{
	struct hf_packet packet __uninitialized;
	struct hf_segment *segment = &packet.segment;

	packet.skb = skb;
	packet.state = state;
	hf_flow_of(&segment->flow, skb, pf, th);
	segment->header = header;
	segment->payload = header + th->doff * 4;
	segment->len = skb->len - segment->payload;
	segment->seq = ntohl(th->seq);
	segment->ack_seq = ntohl(th->ack_seq);
	segment->urg_ptr = ntohs(th->urg_ptr);
	segment->flags = tcp_flag_byte(th);
	packet.first_seq = (struct hf_first_seq) {};
	packet.socket = (struct hf_socket) { .sk = sk, .held = held };
	packet.lookup = HF_TCP_NO_SOCKET;
	packet.cpu = hf_softirq_cpu();
	if (likely(!th->syn))
		packet.lookup = hf_tcp_found(skb, segment, &packet.socket, &packet.first_seq);
	if (packet.lookup == HF_TCP_SOCKET && hf_tcp_has_received(sk) &&
	    !hf_has(hook->inspected, pf, sk)) {
		hf_tcp_put(&packet.socket);
		return NF_ACCEPT;
	}
	return hook->verdict((void *)hook, &packet);
}

/* Where early demux has not found the socket, or that is young. */
static __always_inline unsigned int hf_hook_slow(const struct hf_hook *hook, struct sk_buff *skb,
						 const struct nf_hook_state *state, u8 pf)
{
	struct sock *sk = hf_demuxed(skb);
	const struct tcphdr *th;
	struct tcphdr buffer __uninitialized;
	bool held = false;
	int header;
	enum hf_parse parse = hf_parse(skb, pf, &header, &th, &buffer);

	if (parse == HF_NO_SEGMENT)
		return NF_ACCEPT;
	if (unlikely(parse != HF_SEGMENT)) {
		hook->unreadable((void *)hook, parse);
		return NF_ACCEPT;
	}
	if (!sk && likely(!th->syn)) {
		sk = hf_skb_inet_lookup(skb, pf, th);
		held = sk;
		if (hf_sk_has_received(sk) && !hf_has(hook->inspected, pf, sk)) {
			sock_gen_put(sk);
			return NF_ACCEPT;
		}
	}
	return hf_inspect(hook, skb, state, pf, th, header, sk, held);
}

static noinline unsigned int hf_hook_ipv4_slow(const struct hf_hook *hook, struct sk_buff *skb,
					       const struct nf_hook_state *state)
{
	return hf_hook_slow(hook, skb, state, NFPROTO_IPV4);
}

static noinline unsigned int hf_hook_ipv6_slow(const struct hf_hook *hook, struct sk_buff *skb,
					       const struct nf_hook_state *state)
{
	/* Behind another header, the packet may be a fragment. */
	if (hook->gather && ipv6_hdr(skb)->nexthdr != NEXTHDR_TCP) {
		unsigned int verdict = hf_defrag_ipv6(hook->gather, skb, state);

		if (verdict != NF_ACCEPT)
			return verdict;
	}
	return hf_hook_slow(hook, skb, state, NFPROTO_IPV6);
}

unsigned int hf_hook_ipv4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct hf_hook *hook = priv;
	const struct sock *sk = skb->sk;

	if (hf_sk_has_received(sk) && !hf_has(hook->inspected, NFPROTO_IPV4, sk))
		return NF_ACCEPT;
	return hf_hook_ipv4_slow(hook, skb, state);
}

unsigned int hf_hook_ipv6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct hf_hook *hook = priv;

#if IS_ENABLED(CONFIG_IPV6)
	const struct sock *sk = skb->sk;

	if (ipv6_hdr(skb)->nexthdr == NEXTHDR_TCP && hf_sk_has_received(sk) &&
	    !hf_has(hook->inspected, NFPROTO_IPV6, sk))
		return NF_ACCEPT;
#endif
	return hf_hook_ipv6_slow(hook, skb, state);
}
