// SPDX-License-Identifier: GPL-2.0
/*
 * Drops segments that complete a first line of HTTP, by their place in the stream: what
 * http_filter does, as far as a program at the ingress of the root cgroup can. It runs in
 * tcp_filter(), after the look-up of the socket and before its lock is taken.
 *
 * A stream that its first segment decides needs no storage: a socket that has received something
 * and has none is past its start. Any other gets storage, with a link for each piece that has
 * passed: what the state was before it, and is behind it. The state where the socket stands is
 * what a link leads to.
 *
 * No helper reads the out-of-order queue. So what comes ahead of a gap passes only if it makes any
 * stream something other than HTTP, whatever fills the gap; and what fills a gap undecided must not
 * end within such a piece, of which TCP would then take the rest alone. Nor can a program wait for a
 * grace period: what has passed on another CPU counts as arrived after 200 ms.
 */
#include "kernel.h"
#include "automaton.h"
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#define DROP		0
#define PASS		1

#define LIMIT		(128 * 1024)
#define CHUNK		128
#define FIRST_CHUNK	32
#define LINKS		8
#define LINKS_IN_ORDER	4	/* kept for what comes in order */
#define BUCKETS		16384
#define MAX_PENDING	65536
#define IN_FLIGHT	(200 * 1000 * 1000)
#define NO_CPU		0xff

/* include/net/tcp_states.h, include/linux/skbuff.h */
#define TCP_SYN_SENT		2
#define TCP_LISTEN		10
#define CHECKSUM_UNNECESSARY	1
#define CHECKSUM_PARTIAL	3

/* include/linux/socket.h */
#define AF_INET6		10

/* What the stream may be: one state, or two where an urgent byte can be read or not. */
struct states {
	__u16 one, other;
};

/* Bytes that have passed, by their offsets, and the states before and behind them. */
struct link {
	__u32 from, to;
	struct states in, out;
	__u32 queued;	/* TCP may have put them into the out-of-order queue */
};

struct stream {
	__u32 busy;
	__u32 start;	/* the sequence number of the first byte */
	__u32 end;	/* of what has passed in order */
	__u8 cpu;
	bool passed, decided, condemned;
	__u64 time;
	struct link links[LINKS];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stream);
} streams SEC(".maps");

/* When, and on which CPU, a first segment has passed that no storage tells of. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} buckets SEC(".maps");

/* What has passed with the handshake's last ACK, to a connection that is still a request. */
struct flow {
	__u32 saddr[4], daddr[4];
	__be16 sport, dport;
};

struct pending {
	struct link link;
	__u32 start;
	__u32 cpu;
	__u64 time;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_PENDING);
	__type(key, struct flow);
	__type(value, struct pending);
} pending SEC(".maps");

__u32 pending_count;

/* What was dropped: HTTP; of condemned connections, unread; and what has to come again. */
enum dropped { DROPPED_HTTP, DROPPED_CONDEMNED, DROPPED_DEFERRED, DROPPED_REASONS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROPPED_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

static int drop(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&dropped, &reason);

	if (count)
		++*count;
	return DROP;
}

/* A segment with data. */
struct segment {
	struct __sk_buff *ctx;
	struct sk_buff *skb;
	struct tcp_sock *tp;
	struct tcphdr th;
	__u32 seq;
	__u32 at;	/* where in the packet the data begin */
	__u32 len;
	__u32 cpu;
	__u64 now;
};

static struct sock *sock_of(struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

/* Reading. */

struct reader {
	struct __sk_buff *ctx;
	__u32 at, end, row;
};

static long read_chunk(__u32 number, struct reader *reader)
{
	__u32 len = reader->end - reader->at, most = number ? CHUNK : FIRST_CHUNK, row = (__u16)reader->row;
	__u8 chunk[CHUNK];

	if (len > most)
		len = most;
	/* The verifier must see the bounds. */
	barrier_var(len);
	if (!len || len > CHUNK)
		return 1;
	if (bpf_skb_load_bytes(reader->ctx, reader->at, chunk, len)) {
		reader->row = FORBIDDEN;
		return 1;
	}
	for (__u32 i = 0; i < len; i++) {
		row = *(const __u16 *)((const __u8 *)next + row + column[chunk[i]]);
		if (row >= OTHER)
			break;
	}
	reader->row = row;
	reader->at += len;
	return row >= OTHER || reader->at == reader->end;
}

/* The state behind the packet's bytes at..end, where it is `row` before them. As a global function
 * it is verified once, not for each call. */
__noinline __u32 read_packet(struct __sk_buff *ctx, __u32 row, __u32 at, __u32 end)
{
	struct reader reader = { .ctx = ctx, .at = at, .end = end, .row = row };

	if (row < OTHER && at < end)
		bpf_loop(LIMIT / CHUNK + 1, read_chunk, &reader, 0);
	return reader.row;
}

/* The same for some of a segment's data. */
static __u32 read_data(struct segment *segment, __u32 row, __u32 from, __u32 to)
{
	return read_packet(segment->ctx, row, segment->at + from, segment->at + to);
}

static bool is_decided(struct states states)
{
	return states.one == OTHER && states.other == OTHER;
}

static bool is_same(struct states a, struct states b)
{
	return a.one == b.one && a.other == b.other;
}

/* Adds what may be to the states; false if they would be three. */
static bool add_state(struct states *states, __u32 row)
{
	if (row == OTHER || states->one == row || states->other == row)
		return true;
	if (states->one == OTHER)
		states->one = states->other = row;
	else if (states->one == states->other)
		states->other = row;
	else
		return false;
	return true;
}

/* Which byte behind the sequence number is urgent (tcp_check_urg()). */
static __u32 urgent_byte(const struct tcphdr *th)
{
	__u32 pointer = bpf_ntohs(th->urg_ptr);

	return pointer ? pointer - 1 : 0;
}

/* What of a segment's data is to be read, and which byte of it is urgent, if any. */
struct range {
	__u32 from, to, urgent;
};

/* Reads on from a state, with and without the urgent byte; false if HTTP comes of it. */
static __noinline bool read_both(struct segment *segment, __u32 row, const struct range *range,
				 struct states *out)
{
	if (range->urgent < range->from || range->urgent >= range->to) {
		row = read_data(segment, row, range->from, range->to);
		return row != FORBIDDEN && add_state(out, row);
	}
	row = read_data(segment, row, range->from, range->urgent);
	for (int skip = 0; skip < 2; skip++) {
		__u32 behind = read_data(segment, row, range->urgent + skip, range->to);

		if (behind == FORBIDDEN || !add_state(out, behind))
			return false;
	}
	return true;
}

/* In flight: what has passed, and TCP may not have processed yet. */

/* Whether a segment that passes now may wait for the socket's owner. */
static bool is_held(struct sock *sk)
{
	return sk->sk_backlog.len || sk->sk_backlog.tail || sk->sk_lock.owned;
}

static __u64 *bucket_of(__u32 addr, __be16 sport, __be16 dport)
{
	__u32 index = addr ^ (__u32)sport << 16 ^ dport;

	index = (index * 0x61c88647) >> 16 & (BUCKETS - 1);
	return bpf_map_lookup_elem(&buckets, &index);
}

static __u64 *bucket_of_sock(struct sock *sk)
{
	struct sock_common *common = &sk->__sk_common;
	__u32 addr = common->skc_daddr;

	if (common->skc_family == AF_INET6)
		addr = common->skc_v6_daddr.in6_u.u6_addr32[3];
	return bucket_of(addr, common->skc_dport, bpf_htons(common->skc_num));
}

static bool has_arrived(__u64 time, __u32 cpu, struct segment *segment)
{
	return cpu == (segment->cpu & 0xff) || (__s64)(segment->now - time) > IN_FLIGHT;
}

static void mark(__u64 *bucket, struct segment *segment)
{
	__u64 old = *bucket;
	__u32 cpu = has_arrived(old, old & 0xff, segment) ? segment->cpu & 0xff : NO_CPU;

	/* A full barrier: what looks for storage next sees that of whom this does not stop. */
	__sync_lock_test_and_set(bucket, (segment->now & ~0xffull) | cpu);
}

/* Whether TCP has processed all that has passed. To be asked before the socket's position. */
static bool is_synced(struct stream *stream, struct segment *segment, struct sock *sk)
{
	struct tcp_sock *tp = segment->tp;
	__u64 *bucket;

	if (sk->sk_backlog.len || sk->sk_backlog.tail)
		return false;
	/* The backlog of a request's last ACK is not counted. */
	if (stream->passed && sk->sk_lock.owned && !tp->bytes_received)
		return false;
	if (stream->passed)
		return has_arrived(stream->time, stream->cpu, segment) ||
		       tp->bytes_received >= stream->end;
	bucket = bucket_of_sock(sk);
	return bucket && has_arrived(*bucket, *bucket & 0xff, segment);
}

static void touch(struct stream *stream, struct segment *segment, bool synced)
{
	__u8 cpu = segment->cpu & 0xff;

	stream->cpu = synced || !stream->passed || stream->cpu == cpu ? cpu : NO_CPU;
	stream->time = segment->now;
	stream->passed = true;
}

/* Links. */

/* Forgets what can't be where the socket comes to stand. */
static void forget(struct stream *stream, __u32 here, bool synced)
{
	for (int i = 0; i < LINKS; i++) {
		struct link *link = &stream->links[i];

		if (link->to < here || (synced && !link->queued && link->to != here))
			link->to = 0;
	}
}

static bool add_link(struct stream *stream, const struct link *new)
{
	for (int i = 0; i < LINKS; i++) {
		struct link *link = &stream->links[i];

		if (i < LINKS_IN_ORDER && new->in.one == ANY)
			continue;
		if (link->to && (link->to != new->from || !is_decided(link->in)))
			continue;
		if (link->to)
			link->to = new->to;
		else
			*link = *new;
		return true;
	}
	return false;
}

/* The states at an offset; false if they are not known. */
static bool states_at(struct stream *stream, __u32 here, struct states *states)
{
	bool found = false;

	states->one = states->other = here ? OTHER : START;
	for (int i = 0; here && i < LINKS; i++) {
		struct link *link = &stream->links[i];

		/* What is decided stays so within a link, too. */
		if (link->to != here &&
		    !(is_decided(link->in) && link->from < here && here < link->to))
			continue;
		found = true;
		if (!add_state(states, link->out.one) || !add_state(states, link->out.other))
			return false;
	}
	return !here || found;
}

/* Whether what is undecided at `end` can be followed by what may wait in the queue. */
static bool fits(struct stream *stream, __u32 end, struct states out)
{
	for (int i = 0; i < LINKS; i++) {
		struct link *link = &stream->links[i];

		if (!link->to || !link->queued)
			continue;
		if (link->from < end && end < link->to)
			return false;
		if (link->from == end && link->in.one != ANY && !is_same(link->in, out))
			return false;
	}
	return true;
}

/* Judging. */

/* Whether TCP would accept the segment for sure. */
static bool is_acceptable(struct segment *segment)
{
	struct tcp_sock *tp = segment->tp;
	const struct tcphdr *th = &segment->th;
	__u32 ack = bpf_ntohl(th->ack_seq);
	__u8 summed = BPF_CORE_READ_BITFIELD(segment->skb, ip_summed);
	__be32 option[2];

	if (summed != CHECKSUM_UNNECESSARY && summed != CHECKSUM_PARTIAL &&
	    !BPF_CORE_READ_BITFIELD(segment->skb, csum_valid))
		return false;
	if (!th->ack || th->fin || th->urg || (__s32)(ack - tp->snd_una) < 0 ||
	    (__s32)(tp->snd_nxt - ack) < 0)
		return false;
	if (!BPF_CORE_READ_BITFIELD(tp, rx_opt.tstamp_ok))
		return th->doff == 5;
	return th->doff == 8 &&
	       !bpf_skb_load_bytes(segment->ctx, segment->at - 12, option, sizeof(option)) &&
	       option[0] == bpf_htonl(0x0101080a) &&
	       (__s32)(bpf_ntohl(option[1]) - tp->rx_opt.ts_recent) >= 0;
}

/* Ahead of a gap: only what decides any stream. */
static __noinline int judge_ahead(struct stream *stream, struct segment *segment, __u32 from)
{
	struct link new = {
		.from = from,
		.to = from + segment->len,
		.in = { ANY, ANY },
		.out = { OTHER, OTHER },
		.queued = true,
	};

	for (int i = 0; i < LINKS; i++) {
		struct link *link = &stream->links[i];

		if (!link->to || !link->queued || link->from >= new.to || link->to <= from)
			continue;
		if (link->in.one != ANY || link->from != from || link->to != new.to)
			return drop(DROPPED_DEFERRED);
	}
	if (segment->th.urg || read_data(segment, ANY, 0, segment->len) != OTHER ||
	    !add_link(stream, &new))
		return drop(DROPPED_DEFERRED);
	touch(stream, segment, true);
	return PASS;
}

static __noinline int judge(struct stream *stream, struct segment *segment)
{
	struct tcp_sock *tp = segment->tp;
	struct sock *sk = sock_of(tp);
	__u32 from = segment->seq - stream->start, to = from + segment->len, received;
	bool synced = is_synced(stream, segment, sk), passed = stream->passed;
	struct link new = { .to = to, .out = { OTHER, OTHER }, .queued = !synced };
	struct range range = { .urgent = ~0 };

	barrier();
	received = tp->bytes_received;
	if (received >= LIMIT || (__s32)(to - received) <= 0)
		return PASS;
	new.from = synced ? received : stream->end;
	/* In flight, each piece must begin where the last one ended. */
	if (!synced && (!passed || from != new.from || segment->th.urg || tp->urg_data))
		return drop(DROPPED_DEFERRED);
	forget(stream, received, synced);
	if ((__s32)(from - new.from) > 0)
		return judge_ahead(stream, segment, from);

	if (!states_at(stream, new.from, &new.in)) {
		if (passed)
			return drop(DROPPED_DEFERRED);
		/* What decided it has passed without storage. */
		new.in = new.out;
	}
	if (is_decided(new.in)) {
		stream->decided |= synced;
		if (synced)
			return PASS;
		if (!add_link(stream, &new))
			return drop(DROPPED_DEFERRED);
		stream->end = to;
		touch(stream, segment, synced);
		return PASS;
	}

	if (tp->urg_data)
		range.urgent = tp->urg_seq - segment->seq;
	if (segment->th.urg) {
		__u32 at = urgent_byte(&segment->th);

		/* Two of them can be read in too many ways. */
		if (range.urgent < segment->len && at < segment->len && range.urgent != at)
			return drop(DROPPED_DEFERRED);
		if (range.urgent >= segment->len)
			range.urgent = at;
	}
	range.from = new.from - from;
	range.to = (to > LIMIT ? LIMIT : to) - from;
	if (new.in.one != new.in.other && range.urgent < range.to)
		return drop(DROPPED_DEFERRED);
	if (!read_both(segment, new.in.one, &range, &new.out) ||
	    (new.in.other != new.in.one &&
	     !read_both(segment, new.in.other, &range, &new.out))) {
		stream->condemned |= synced && is_acceptable(segment);
		return drop(DROPPED_HTTP);
	}
	if (to >= LIMIT)
		new.out.one = new.out.other = OTHER;
	if ((!is_decided(new.out) && !fits(stream, to, new.out)) || !add_link(stream, &new))
		return drop(DROPPED_DEFERRED);
	stream->end = to;
	touch(stream, segment, synced);
	return PASS;
}

/* Handshakes: what comes to a listener. */

static bool load_flow(struct __sk_buff *ctx, struct flow *flow, struct bpf_sock_tuple *tuple,
		      __u32 *size, const struct tcphdr *th)
{
	flow->sport = th->source;
	flow->dport = th->dest;
	if (ctx->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(ctx, offsetof(struct iphdr, saddr), &tuple->ipv4, 8))
			return false;
		flow->saddr[3] = tuple->ipv4.saddr;
		flow->daddr[3] = tuple->ipv4.daddr;
		tuple->ipv4.sport = th->source;
		tuple->ipv4.dport = th->dest;
		*size = sizeof(tuple->ipv4);
	} else {
		if (bpf_skb_load_bytes(ctx, offsetof(struct ipv6hdr, saddr), &tuple->ipv6, 32))
			return false;
		__builtin_memcpy(flow->saddr, tuple->ipv6.saddr, 32);
		tuple->ipv6.sport = th->source;
		tuple->ipv6.dport = th->dest;
		*size = sizeof(tuple->ipv6);
	}
	return true;
}

/* Remembers what is undecided, for the socket that TCP is about to make. */
static bool add_pending(struct flow *flow, struct segment *segment, struct states out)
{
	struct pending entry = {
		.link = { .to = segment->len, .out = out },
		.start = segment->seq,
		.cpu = segment->cpu & 0xff,
		.time = segment->now,
	};
	struct pending *old = bpf_map_lookup_elem(&pending, flow);

	if ((old && !has_arrived(old->time, old->cpu, segment)) ||
	    bpf_map_update_elem(&pending, flow, &entry, BPF_ANY))
		return false;
	if (!old)
		__sync_fetch_and_add(&pending_count, 1);
	return true;
}

static void remove_pending(struct flow *flow)
{
	if (!bpf_map_delete_elem(&pending, flow))
		__sync_fetch_and_add(&pending_count, -1);
}

static __noinline int judge_handshake(struct segment *segment)
{
	struct bpf_sock_tuple tuple = {};
	struct tcp_request_sock *request;
	struct flow flow = {};
	struct bpf_sock *sk;
	struct range range = { .to = segment->len, .urgent = ~0 };
	struct states out = { OTHER, OTHER };
	bool is_first = false, is_next = false;
	__u64 *bucket;
	__u32 size;

	if (segment->len >= LIMIT)
		return drop(DROPPED_DEFERRED);
	if (segment->th.urg)
		range.urgent = urgent_byte(&segment->th);
	if (!read_both(segment, START, &range, &out))
		return drop(DROPPED_HTTP);
	if (segment->th.syn)
		return is_decided(out) ? PASS : drop(DROPPED_DEFERRED);
	if (!load_flow(segment->ctx, &flow, &tuple, &size, &segment->th))
		return drop(DROPPED_DEFERRED);
	bucket = bucket_of(flow.saddr[3], flow.sport, flow.dport);
	if (!bucket)
		return DROP;
	/* Of one that is decided and one that is not, at least one sees the other; and whoever meets the
	 * socket later sees what was noted before the look-up, if that still finds a request. */
	if (is_decided(out)) {
		mark(bucket, segment);
		if (pending_count && bpf_map_lookup_elem(&pending, &flow))
			return drop(DROPPED_DEFERRED);
	} else if (!add_pending(&flow, segment, out)) {
		return drop(DROPPED_DEFERRED);
	} else if (!has_arrived(*bucket, *bucket & 0xff, segment)) {
		remove_pending(&flow);
		return drop(DROPPED_DEFERRED);
	}
	sk = bpf_skc_lookup_tcp(segment->ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (sk) {
		request = bpf_skc_to_tcp_request_sock(sk);
		if (request)
			is_next = request->rcv_isn + 1 == segment->seq &&
				  request->snt_isn + 1 == bpf_ntohl(segment->th.ack_seq);
		/* Data that a cookie vouches for are the first. */
		is_first = is_next || sk->state == TCP_LISTEN;
		bpf_sk_release(sk);
	}
	if (is_decided(out))
		return is_first ? PASS : drop(DROPPED_DEFERRED);
	if (is_next)
		return PASS;
	remove_pending(&flow);
	return drop(DROPPED_DEFERRED);
}

/* The storage that a connection gets when it is no request any more. */
static __noinline struct stream *take_pending(struct segment *segment, struct bpf_sock *sk)
{
	struct bpf_sock_tuple tuple = {};
	struct flow flow = {};
	struct pending *entry;
	struct stream *stream;
	__u32 size;

	if (!load_flow(segment->ctx, &flow, &tuple, &size, &segment->th))
		return NULL;
	entry = bpf_map_lookup_elem(&pending, &flow);
	if (!entry)
		return NULL;
	stream = bpf_sk_storage_get(&streams, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!stream)
		return NULL;
	stream->start = entry->start;
	stream->links[0] = entry->link;
	stream->end = entry->link.to;
	stream->cpu = entry->cpu;
	stream->time = entry->time;
	stream->passed = true;
	remove_pending(&flow);
	return stream;
}

/* From now on nothing of the connection is read, if TCP would have accepted this. */
static void condemn(struct bpf_sock *sk, struct segment *segment, __u32 start)
{
	struct stream *stream;

	if (!is_acceptable(segment))
		return;
	stream = bpf_sk_storage_get(&streams, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!stream)
		return;
	stream->start = start;
	stream->condemned = true;
}

/* A segment to a socket that is, or may be, within its start. */
static __always_inline int judge_start(struct __sk_buff *ctx, struct sk_buff *skb,
				       struct tcp_sock *tp, struct stream *stream,
				       struct bpf_sock *bpf_sk, __u64 received)
{
	struct sock *sk = sock_of(tp);
	__u32 at = skb->transport_header - skb->network_header, skip, row, next_seq;
	struct segment segment = { .ctx = ctx, .skb = skb, .tp = tp };
	const struct tcphdr *th = &segment.th;
	__u64 *bucket;
	int verdict;

	if (bpf_skb_load_bytes(ctx, at, &segment.th, sizeof(segment.th)))
		return PASS;
	segment.at = at + th->doff * 4;
	segment.len = ctx->len - segment.at;
	if ((__s32)segment.len <= 0 || th->rst)
		return PASS;
	if (stream && stream->condemned)
		return drop(DROPPED_CONDEMNED);
	segment.seq = bpf_ntohl(th->seq);
	segment.cpu = bpf_get_smp_processor_id();
	segment.now = bpf_ktime_get_coarse_ns();
	if (sk->__sk_common.skc_state == TCP_LISTEN)
		return judge_handshake(&segment);
	if (sk->__sk_common.skc_state == TCP_SYN_SENT)
		return drop(DROPPED_DEFERRED);
	if (th->syn)
		return PASS;

	if (!stream && pending_count)
		stream = take_pending(&segment, bpf_sk);
	if (!stream) {
		next_seq = tp->rcv_nxt;
		barrier();
		/* It had received nothing before the look-up of the storage, and what came since may have some. */
		if (!received && tp->bytes_received)
			return drop(DROPPED_DEFERRED);
		if (received)
			return PASS;
		skip = next_seq - segment.seq;
		if ((__s32)(segment.len - skip) <= 0)
			return PASS;
		/* As most are: in order, and the first segment decides. */
		if (skip < segment.len && !th->urg && !tp->urg_data && !is_held(sk)) {
			row = read_data(&segment, START, skip, segment.len);
			bucket = bucket_of_sock(sk);
			if (!bucket)
				return DROP;
			if (row == FORBIDDEN) {
				condemn(bpf_sk, &segment, next_seq);
				return drop(DROPPED_HTTP);
			}
			if (row == OTHER) {
				mark(bucket, &segment);
				if (!bpf_sk_storage_get(&streams, bpf_sk, 0, 0))
					return PASS;
			}
		}
		stream = bpf_sk_storage_get(&streams, bpf_sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!stream)
			return drop(DROPPED_DEFERRED);
		stream->start = next_seq;
	}
	if (__sync_val_compare_and_swap(&stream->busy, 0, 1))
		return drop(DROPPED_DEFERRED);
	verdict = judge(stream, &segment);
	__sync_lock_test_and_set(&stream->busy, 0);
	return verdict;
}

SEC("cgroup_skb/ingress")
int stream(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct tcp_sock *tp = bpf_core_cast(skb->sk, struct tcp_sock);
	struct bpf_sock *sk = ctx->sk;
	struct stream *stream;
	__u64 received;

	if (!sk || sock_of(tp)->sk_protocol != IPPROTO_TCP)
		return PASS;
	received = tp->bytes_received;
	if (received >= LIMIT)
		return PASS;
	stream = bpf_sk_storage_get(&streams, sk, 0, 0);
	if (stream ? stream->decided : received && !pending_count)
		return PASS;
	return judge_start(ctx, skb, tp, stream, sk, received);
}

char LICENSE[] SEC("license") = "GPL";
