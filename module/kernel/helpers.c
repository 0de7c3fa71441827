// SPDX-License-Identifier: GPL-2.0
#include <linux/kmod.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/netns/generic.h>
#include <net/tcp.h>

#include "../uapi/http_filter.h"
#include "helpers.h"

MODULE_VERSION(HTTP_FILTER_VERSION);

/*
 * Parameters are text, parsed by the same code as a write to the file of the
 * same name. Permission 0: the files under /sys/kernel are the place to look.
 */
struct hf_params hf_params;
#define HF_PARAM(name, text) \
	module_param_named(name, hf_params.name, charp, 0); \
	MODULE_PARM_DESC(name, text)
HF_PARAM(enabled, "filter from the start: 0, 1 (default 1)");
HF_PARAM(action, "what happens to HTTP: drop, monitor (default drop)");
HF_PARAM(detect, "what counts: any of requests,h2c,http09,responses (default requests,h2c,http09)");
HF_PARAM(log, "a line in the kernel log for each connection: 0, 1 (default 1)");
HF_PARAM(namespaces, "network namespaces filtered: all, initial (default all)");

struct hf_counters {
	u64 value[HF_COUNTERS];
};
static DEFINE_PER_CPU(struct hf_counters, hf_counters);

void hf_count(unsigned int counter)
{
	if (counter < HF_COUNTERS)
		this_cpu_inc(hf_counters.value[counter]);
}

u64 hf_count_sum(unsigned int counter)
{
	u64 sum = 0;
	int cpu;

	if (counter < HF_COUNTERS)
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(per_cpu_ptr(&hf_counters, cpu)->value[counter]);
	return sum;
}

/* MSG_ON_RELEASE keeps the kernel from telling in its own words what was left out. */
static struct ratelimit_state hf_log_limit =
	RATELIMIT_STATE_INIT_FLAGS(hf_log_limit, 5 * HZ, 20, RATELIMIT_MSG_ON_RELEASE);

bool hf_log_allowed(unsigned int *suppressed)
{
	if (!__ratelimit(&hf_log_limit))
		return false;
	*suppressed = hf_log_suppressed();
	return true;
}

unsigned int hf_log_suppressed(void)
{
	return ratelimit_state_reset_miss(&hf_log_limit);
}

void hf_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

bool hf_spin_trylock_bh(spinlock_t *lock)
{
	return spin_trylock_bh(lock);
}

void hf_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

/* Linking against nf_defrag_ipv6 would make a bare insmod fail; see bpf_nf_enable_defrag(). */
const struct nf_defrag_hook *hf_defrag_ipv6_get(void)
{
	const struct nf_defrag_hook *hook;

	if (!rcu_access_pointer(nf_defrag_v6_hook))
		request_module("nf_defrag_ipv6");
	rcu_read_lock();
	hook = rcu_dereference(nf_defrag_v6_hook);
	if (hook && !try_module_get(hook->owner))
		hook = NULL;
	rcu_read_unlock();
	return hook;
}

void *hf_net_generic(const struct net *net, unsigned int id)
{
	return net_generic(net, id);
}

/* A copy: the device may be renamed at any time. */
void hf_device_name(const struct nf_hook_state *state, char name[HF_DEVICE_NAME])
{
	BUILD_BUG_ON(HF_DEVICE_NAME != IFNAMSIZ);
	strscpy_pad(name, state->in ? state->in->name : "?", HF_DEVICE_NAME);
}

/*
 * True if the receiving socket is known already and has got bytes: what this
 * packet carries cannot be the start of its stream. One monotone load, no lock.
 */
bool hf_tcp_past_start(const struct sk_buff *skb)
{
	const struct sock *sk = skb->sk;

	return sk && sk_fullsock(sk) && sk_is_tcp(sk) &&
	       data_race(tcp_sk(sk)->bytes_received) != 0;
}

/*
 * The lookup that tcp_v4_rcv() and tcp_v6_rcv() will do, but for listeners. Like
 * theirs it is in the route's namespace, which need not be that of the hook
 * (ipvlan in mode l3s).
 */
static struct sock *hf_tcp_lookup(struct sk_buff *skb, const struct nf_hook_state *state,
				  const struct hf_flow *flow)
{
	const struct net *net = skb_dst_dev_net_rcu(skb);

	if (state->pf == NFPROTO_IPV4)
		return __inet_lookup_established(net, flow->saddr[0], flow->sport,
						 flow->daddr[0], ntohs(flow->dport),
						 inet_iif(skb), inet_sdif(skb));
#if IS_ENABLED(CONFIG_IPV6)
	return __inet6_lookup_established(net, (const struct in6_addr *)flow->saddr, flow->sport,
					  (const struct in6_addr *)flow->daddr, ntohs(flow->dport),
					  inet6_iif(skb), inet6_sdif(skb));
#else
	return NULL;
#endif
}

/* The ACK of a SYN cookie has no socket yet: TCP makes it, and hands it what the ACK carries. */
static bool hf_tcp_cookie_start(const struct sk_buff *skb, const struct nf_hook_state *state,
				unsigned int header, u32 *start)
{
	struct tcphdr buffer;
	const struct tcphdr *th = skb_header_pointer(skb, header, sizeof(buffer), &buffer);

	if (!th || !th->ack || th->rst ||
	    !READ_ONCE(skb_dst_dev_net_rcu(skb)->ipv4.sysctl_tcp_syncookies))
		return false;
	*start = ntohl(th->seq);
	if (state->pf == NFPROTO_IPV4)
		return __cookie_v4_check(ip_hdr(skb), th);
	return IS_ENABLED(CONFIG_IPV6) && __cookie_v6_check(ipv6_hdr(skb), th);
}

/*
 * If the receiving socket has not got a byte yet: true, and *start is the
 * sequence number of its stream's first one. False if it has, or if there is no
 * socket that could get any.
 */
bool hf_tcp_stream_start(struct sk_buff *skb, const struct nf_hook_state *state,
			 const struct hf_flow *flow, unsigned int header, u32 *start)
{
	struct sock *found = NULL, *sk = skb->sk;
	bool at_start = false;

	/* Early demux leaves none on loopback; TPROXY may have set a listener. */
	if (!sk || READ_ONCE(sk->sk_state) == TCP_LISTEN)
		sk = found = hf_tcp_lookup(skb, state, flow);
	if (!sk)
		return hf_tcp_cookie_start(skb, state, header, start);

	switch (READ_ONCE(sk->sk_state)) {
	case TCP_TIME_WAIT:
	case TCP_SYN_SENT:
	case TCP_CLOSE:
		break;
	case TCP_NEW_SYN_RECV:
		*start = tcp_rsk(inet_reqsk(sk))->rcv_isn + 1;
		at_start = true;
		break;
	default:
		if (!sk_is_tcp(sk) || data_race(tcp_sk(sk)->bytes_received))
			break;
		/*
		 * The lock keeps other softirqs from moving the position. An owner in
		 * process context does it without: tcp_rcv_nxt_update() changes
		 * bytes_received first, which the opposite order here makes up for where
		 * stores stay in order (x86). A hook can run with bottom halves on.
		 */
		local_bh_disable();
		bh_lock_sock_nested(sk);
		*start = READ_ONCE(tcp_sk(sk)->rcv_nxt);
		smp_rmb();
		at_start = READ_ONCE(tcp_sk(sk)->bytes_received) == 0;
		bh_unlock_sock(sk);
		local_bh_enable();
	}
	if (found)
		sock_gen_put(found);
	return at_start;
}

/* True if data in a SYN may reach a listener at once (RFC 7413). */
bool hf_tcp_fastopen_server(const struct sk_buff *skb)
{
	return READ_ONCE(skb_dst_dev_net_rcu(skb)->ipv4.sysctl_tcp_fastopen) & TFO_SERVER_ENABLE;
}

struct hf_attribute {
	struct kobj_attribute kobj_attr;
	struct hf_dir *dir;
	unsigned int file;
};

struct hf_dir {
	struct kobject *kobj;
	hf_show *show;
	hf_store *store;
	void *data;
	struct hf_attribute attributes[];
};

static ssize_t hf_attribute_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	struct hf_attribute *a = container_of(attr, struct hf_attribute, kobj_attr);

	return a->dir->show(a->dir->data, a->file, page);
}

static ssize_t hf_attribute_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *page, size_t len)
{
	struct hf_attribute *a = container_of(attr, struct hf_attribute, kobj_attr);

	return a->dir->store(a->dir->data, a->file, page, len);
}

/* In another directory, or in /sys/kernel. */
struct hf_dir *hf_dir_create(const struct hf_dir *parent, const char *name,
			     const struct hf_file *files, unsigned int count,
			     hf_show *show, hf_store *store, void *data)
{
	struct hf_dir *dir;
	unsigned int i;
	int err;

	dir = kzalloc(struct_size(dir, attributes, count), GFP_KERNEL);
	if (!dir)
		return ERR_PTR(-ENOMEM);
	dir->show = show;
	dir->store = store;
	dir->data = data;
	dir->kobj = kobject_create_and_add(name, parent ? parent->kobj : kernel_kobj);
	if (!dir->kobj) {
		kfree(dir);
		return ERR_PTR(-ENOMEM);
	}

	for (i = 0; i < count; i++) {
		struct hf_attribute *a = &dir->attributes[i];

		a->dir = dir;
		a->file = i;
		sysfs_attr_init(&a->kobj_attr.attr);
		a->kobj_attr.attr.name = files[i].name;
		a->kobj_attr.attr.mode = files[i].mode;
		a->kobj_attr.show = hf_attribute_show;
		a->kobj_attr.store = hf_attribute_store;
		err = sysfs_create_file(dir->kobj, &a->kobj_attr.attr);
		if (err) {
			hf_dir_remove(dir);
			return ERR_PTR(err);
		}
	}
	return dir;
}

/* Waits for callbacks under way; none begins afterwards. */
void hf_dir_remove(struct hf_dir *dir)
{
	kobject_del(dir->kobj);
	kobject_put(dir->kobj);
	kfree(dir);
}
