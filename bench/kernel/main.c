// SPDX-License-Identifier: GPL-2.0
/* Measures hooks packet by packet: see packet_bench.h. */
#include <linux/filter.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/nsproxy.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/tcp.h>

#include "packet_bench.h"

#define MAX_LEN		65000
#define MAX_SOCKETS	65536
#define MAX_ROUNDS	1000000
#define MAX_QUEUED	65536
#define TCP_HEADER	(sizeof(struct tcphdr) + TCPOLEN_TSTAMP_ALIGNED)
/* How much data a fragment of IP has at least, unless it is the last. */
#define FRAGMENT	8

/* The hooks that others are compared with. */

static unsigned int empty_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

/* In empty_hook.rs. */
nf_hookfn packet_bench_empty_rust_hook;

/* Offset of TCP's header; negative if it is not TCP. */
static int find_tcp(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4) {
		const struct iphdr *iph = ip_hdr(skb);

		if (iph->protocol != IPPROTO_TCP || ip_is_fragment(iph))
			return -1;
		return skb_network_offset(skb) + ip_hdrlen(skb);
	}
	if (ipv6_hdr(skb)->nexthdr != IPPROTO_TCP)
		return -1;
	return skb_network_offset(skb) + sizeof(struct ipv6hdr);
}

/* The least that a hook must do which decides by the stream's position. */
static u64 position;

static unsigned int limit_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct sock *sk = skb->sk;
	struct tcphdr buffer;
	const struct tcphdr *th;
	int offset = find_tcp(skb, state);

	if (offset < 0)
		return NF_ACCEPT;
	if (sk && sk_fullsock(sk)) {
		WRITE_ONCE(position, READ_ONCE(tcp_sk(sk)->bytes_received));
		return NF_ACCEPT;
	}
	th = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);
	if (!th)
		return NF_ACCEPT;
	if (state->pf == NFPROTO_IPV4)
		sk = __inet_lookup_established(state->net, ip_hdr(skb)->saddr, th->source,
					       ip_hdr(skb)->daddr, ntohs(th->dest),
					       inet_iif(skb), inet_sdif(skb));
	else
		sk = __inet6_lookup_established(state->net, &ipv6_hdr(skb)->saddr, th->source,
						&ipv6_hdr(skb)->daddr, ntohs(th->dest),
						inet6_iif(skb), inet6_sdif(skb));
	if (!sk)
		return NF_ACCEPT;
	if (sk_fullsock(sk))
		WRITE_ONCE(position, READ_ONCE(tcp_sk(sk)->bytes_received));
	sock_gen_put(sk);
	return NF_ACCEPT;
}

static bool has_http(const u8 *data, unsigned int len)
{
	for (; len >= 4; data++, len--)
		if (data[0] == 'H' && data[1] == 'T' && data[2] == 'T' && data[3] == 'P')
			return true;
	return false;
}

static unsigned int match_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	unsigned int verdict = NF_ACCEPT;
	struct tcphdr buffer;
	const struct tcphdr *th;
	int offset = find_tcp(skb, state);
	unsigned int len;
	u8 *data;

	if (offset < 0)
		return NF_ACCEPT;
	th = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);
	if (!th || offset + th->doff * 4 >= skb->len)
		return NF_ACCEPT;
	offset += th->doff * 4;
	len = skb->len - offset;
	data = kmalloc(len, GFP_ATOMIC);
	if (!data)
		return NF_ACCEPT;
	if (!skb_copy_bits(skb, offset, data, len) && has_http(data, len))
		verdict = NF_DROP;
	kfree(data);
	return verdict;
}

static nf_hookfn *const hooks[] = {
	[PACKET_BENCH_EMPTY] = empty_hook,
	[PACKET_BENCH_LIMIT] = limit_hook,
	[PACKET_BENCH_MATCH] = match_hook,
#ifdef HAS_EMPTY_RUST_HOOK
	[PACKET_BENCH_EMPTY_RUST] = packet_bench_empty_rust_hook,
#endif
};

/* An open file: the hooks that it has registered. */
struct bench {
	struct net *net;
	struct nf_hook_ops ops[2];
};

static void remove_hooks(struct bench *bench)
{
	if (!bench->net)
		return;
	nf_unregister_net_hooks(bench->net, bench->ops, ARRAY_SIZE(bench->ops));
	put_net(bench->net);
	bench->net = NULL;
}

static int add_hooks(struct bench *bench, unsigned long kind)
{
	int err;

	if (kind >= ARRAY_SIZE(hooks))
		return -EINVAL;
	remove_hooks(bench);
	if (kind == PACKET_BENCH_NONE)
		return 0;
	memset(bench->ops, 0, sizeof(bench->ops));
	bench->ops[0].pf = NFPROTO_IPV4;
	bench->ops[1].pf = NFPROTO_IPV6;
	for (int i = 0; i < ARRAY_SIZE(bench->ops); i++) {
		bench->ops[i].hook = hooks[kind];
		bench->ops[i].hooknum = NF_INET_LOCAL_IN;
		bench->ops[i].priority = NF_IP_PRI_LAST;
	}
	bench->net = get_net(current->nsproxy->net_ns);
	err = nf_register_net_hooks(bench->net, bench->ops, ARRAY_SIZE(bench->ops));
	if (err) {
		put_net(bench->net);
		bench->net = NULL;
	}
	return err;
}

/* Segments. */

static bool is_ipv4(const struct sock *sk)
{
	return sk->sk_family == AF_INET || ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr);
}

static int add_list(struct sk_buff *skb, const u8 *data, unsigned int len)
{
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;

	while (len) {
		unsigned int size = min_t(unsigned int, len, FRAGMENT);
		struct sk_buff *fragment = alloc_skb(size, GFP_KERNEL);

		if (!fragment)
			return -ENOMEM;
		skb_put_data(fragment, data, size);
		*next = fragment;
		next = &fragment->next;
		skb->len += size;
		skb->data_len += size;
		skb->truesize += fragment->truesize;
		data += size;
		len -= size;
	}
	return 0;
}

static int add_data(struct sk_buff *skb, const u8 *data, unsigned int len, u32 flags)
{
	if (flags & PACKET_BENCH_LISTED)
		return add_list(skb, data, len);
	if (!(flags & PACKET_BENCH_PAGED)) {
		skb_put_data(skb, data, len);
		return 0;
	}
	for (int i = 0; len; i++) {
		unsigned int size = min_t(unsigned int, len, PAGE_SIZE);
		struct page *page = alloc_page(GFP_KERNEL);

		if (!page)
			return -ENOMEM;
		memcpy(page_address(page), data, size);
		skb_add_rx_frag(skb, i, page, 0, size, PAGE_SIZE);
		data += size;
		len -= size;
	}
	return 0;
}

static void add_tcp(struct sk_buff *skb, struct sock *sk, unsigned int len)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct tcphdr *th = skb_put_zero(skb, TCP_HEADER);
	__be32 *options = (__be32 *)(th + 1);

	th->source = inet_sk(sk)->inet_dport;
	th->dest = inet_sk(sk)->inet_sport;
	th->seq = htonl(tp->rcv_nxt);
	th->ack_seq = htonl(tp->snd_nxt);
	th->doff = TCP_HEADER / 4;
	th->ack = 1;
	th->psh = len != 0;
	th->window = htons(500);
	options[0] = htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
	options[1] = htonl(tp->rx_opt.ts_recent);
	options[2] = htonl(tp->rx_opt.rcv_tsecr);
}

static int add_ipv4(struct sk_buff *skb, struct sock *sk, unsigned int len)
{
	struct iphdr *iph = skb_put_zero(skb, sizeof(*iph));
	struct flowi4 flow = {
		.saddr = inet_sk(sk)->inet_daddr,
		.daddr = inet_sk(sk)->inet_rcv_saddr,
		.flowi4_proto = IPPROTO_TCP,
	};
	struct rtable *rt;

	iph->version = 4;
	iph->ihl = 5;
	iph->tot_len = htons(sizeof(*iph) + TCP_HEADER + len);
	iph->ttl = 64;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = inet_sk(sk)->inet_daddr;
	iph->daddr = inet_sk(sk)->inet_rcv_saddr;
	ip_send_check(iph);
	skb->protocol = htons(ETH_P_IP);
	IPCB(skb)->iif = skb->skb_iif;
	/* As over the loopback device: the route is that of the sender. */
	rt = ip_route_output_key(sock_net(sk), &flow);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	skb_dst_set(skb, &rt->dst);
	return 0;
}

static int add_ipv6(struct sk_buff *skb, struct sock *sk, unsigned int len)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct ipv6hdr *ip6h = skb_put_zero(skb, sizeof(*ip6h));
	struct flowi6 flow = {
		.saddr = sk->sk_v6_daddr,
		.daddr = sk->sk_v6_rcv_saddr,
		.flowi6_proto = IPPROTO_TCP,
	};

	ip6h->version = 6;
	ip6h->payload_len = htons(TCP_HEADER + len);
	ip6h->nexthdr = IPPROTO_TCP;
	ip6h->hop_limit = 64;
	ip6h->saddr = sk->sk_v6_daddr;
	ip6h->daddr = sk->sk_v6_rcv_saddr;
	skb->protocol = htons(ETH_P_IPV6);
	IP6CB(skb)->iif = skb->skb_iif;
	IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
	skb_dst_set(skb, ip6_route_output(sock_net(sk), NULL, &flow));
	return skb_dst(skb)->error;
#else
	return -EAFNOSUPPORT;
#endif
}

/* As ip_rcv_finish() leaves it: the route is set, data begin at the IP header. */
static struct sk_buff *make_segment(struct sock *sk, const struct packet_bench_run *run, const u8 *data)
{
	bool linear = !(run->flags & (PACKET_BENCH_PAGED | PACKET_BENCH_LISTED));
	unsigned int ip_header = is_ipv4(sk) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct sk_buff *skb = alloc_skb(NET_SKB_PAD + ip_header + TCP_HEADER + (linear ? run->len : 0),
					GFP_KERNEL);
	int err;

	if (!skb)
		return ERR_PTR(-ENOMEM);
	skb_reserve(skb, NET_SKB_PAD);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, ip_header);
	skb->dev = sock_net(sk)->loopback_dev;
	skb->skb_iif = skb->dev->ifindex;
	skb->pkt_type = PACKET_HOST;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	err = is_ipv4(sk) ? add_ipv4(skb, sk, run->len) : add_ipv6(skb, sk, run->len);
	if (!err) {
		add_tcp(skb, sk, run->len);
		err = add_data(skb, data, run->len, run->flags);
	}
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}
	if (run->flags & PACKET_BENCH_KNOWN) {
		sock_hold(sk);
		skb->sk = sk;
		skb->destructor = sock_edemux;
	}
	return skb;
}

/* Behind what a segment of so many bytes will fill. */
static int queue_segments(struct sock *sk, u32 behind, u32 count)
{
	const u8 data[] = "aa";
	const u32 len = sizeof(data) - 1;
	int err = 0;

	lock_sock(sk);
	for (u32 i = 0; i < count && !err; i++) {
		u32 seq = tcp_sk(sk)->rcv_nxt + behind + i;
		struct sk_buff *skb = alloc_skb(TCP_HEADER + len, GFP_KERNEL);

		if (!skb) {
			err = -ENOMEM;
			break;
		}
		/* TCP would join it with the next one, if there were room behind it. */
		skb_reserve(skb, skb_tailroom(skb) - TCP_HEADER - len);
		skb_reset_transport_header(skb);
		add_tcp(skb, sk, len);
		skb_put_data(skb, data, len);
		tcp_hdr(skb)->seq = htonl(seq);
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		TCP_SKB_CB(skb)->seq = seq;
		TCP_SKB_CB(skb)->end_seq = seq + len;
		TCP_SKB_CB(skb)->ack_seq = tcp_sk(sk)->snd_nxt;
		TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK | TCPHDR_PSH;
		err = sk->sk_backlog_rcv(sk, skb);
	}
	release_sock(sk);
	return err;
}

/* The loop. */

static u64 ticks(void)
{
#if defined(CONFIG_X86) && !defined(CONFIG_UML)
	/* Under QEMU's -icount, an instruction is one. */
	return rdtsc_ordered();
#elif defined(CONFIG_UML) && defined(CONFIG_64BIT)
	/* The machine's: this kernel's own clock has steps of 256 ns. */
	mb();
	return __builtin_ia32_rdtsc();
#else
	return ktime_get_raw_ns();
#endif
}

/* Whether a segment comes through. The caller's reference keeps it from being freed. */
static bool pass(struct sock *sk, struct sk_buff *skb)
{
	unsigned int header = skb_transport_offset(skb);
	u8 pf = skb->protocol == htons(ETH_P_IP) ? NFPROTO_IPV4 : NFPROTO_IPV6;
	bool passes;

	skb_get(skb);
	if (nf_hook(pf, NF_INET_LOCAL_IN, sock_net(sk), NULL, skb, skb->dev, NULL, NULL) != 1)
		return false;
	__skb_pull(skb, header);
	passes = !sk_filter_trim_cap(sk, skb, TCP_HEADER);
	__skb_push(skb, header);
	refcount_dec(&skb->users);
	return passes;
}

static unsigned int pass_all(struct sock **sockets, struct sk_buff **skbs, u32 count, u64 *taken)
{
	unsigned int dropped = 0;
	u64 begin;
	u32 i;

	local_bh_disable();
	rcu_read_lock();
	begin = ticks();
	for (i = 0; i < count; i++)
		dropped += !pass(sockets[i], skbs[i]);
	*taken = ticks() - begin;
	rcu_read_unlock();
	local_bh_enable();
	return dropped;
}

static int get_socket(int fd, struct sock **sk)
{
	int err;
	struct socket *socket = sockfd_lookup(fd, &err);

	if (!socket)
		return err;
	if (sk_is_tcp(socket->sk) && socket->sk->sk_state != TCP_LISTEN) {
		*sk = socket->sk;
		sock_hold(*sk);
	} else {
		err = -EINVAL;
	}
	sockfd_put(socket);
	return *sk ? 0 : err;
}

static int run_bench(struct packet_bench_run *run)
{
	struct sk_buff **skbs = kvcalloc(run->count, sizeof(*skbs), GFP_KERNEL);
	struct sock **sockets = kvcalloc(run->count, sizeof(*sockets), GFP_KERNEL);
	u8 *data = kvzalloc(run->len ?: 1, GFP_KERNEL);
	int err = -ENOMEM;
	u32 i;

	if (!skbs || !sockets || !data)
		goto out;
	err = -EFAULT;
	if (copy_from_user(data, u64_to_user_ptr(run->data), run->len))
		goto out;
	for (i = 0; i < run->count; i++) {
		int fd;

		err = -EFAULT;
		if (get_user(fd, (int __user *)u64_to_user_ptr(run->sockets) + i))
			goto out;
		err = get_socket(fd, &sockets[i]);
		if (!err)
			err = queue_segments(sockets[i], run->len, run->queued);
		if (err)
			goto out;
		skbs[i] = make_segment(sockets[i], run, data);
		if (IS_ERR(skbs[i])) {
			err = PTR_ERR(skbs[i]);
			skbs[i] = NULL;
			goto out;
		}
	}
	for (i = 0; i < run->rounds; i++) {
		u64 taken;

		run->dropped = pass_all(sockets, skbs, run->count, &taken);
		err = -EFAULT;
		if (put_user(taken, (u64 __user *)u64_to_user_ptr(run->ticks) + i))
			goto out;
		err = -EINTR;
		if (signal_pending(current))
			goto out;
		cond_resched();
	}
	err = 0;
out:
	for (i = 0; skbs && sockets && i < run->count; i++) {
		kfree_skb(skbs[i]);
		if (sockets[i])
			sock_put(sockets[i]);
	}
	kvfree(data);
	kvfree(sockets);
	kvfree(skbs);
	return err;
}

/* The device. */

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct packet_bench_run __user *user = (void __user *)arg;
	struct packet_bench_run run;
	int err;

	if (cmd == PACKET_BENCH_HOOK)
		return add_hooks(file->private_data, arg);
	if (cmd != PACKET_BENCH_RUN)
		return -ENOTTY;
	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	if (!run.count || run.count > MAX_SOCKETS || run.len > MAX_LEN ||
	    !run.rounds || run.rounds > MAX_ROUNDS || run.queued > MAX_QUEUED)
		return -EINVAL;
	err = run_bench(&run);
	if (!err && put_user(run.dropped, &user->dropped))
		err = -EFAULT;
	return err;
}

static int bench_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct bench), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int bench_release(struct inode *inode, struct file *file)
{
	remove_hooks(file->private_data);
	kfree(file->private_data);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "packet_bench",
	.fops = &bench_fops,
	.mode = 0600,
};
module_misc_device(bench_device);

MODULE_DESCRIPTION("Measures netfilter hooks packet by packet");
MODULE_LICENSE("GPL");
