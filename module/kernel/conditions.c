// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/kernfs.h>
#include <linux/sock_diag.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

#include "compat.h"
#include "conditions.h"
#include "netns.h"

static bool hf_device_is(const struct net_device *dev, const char *name, size_t len)
{
	return dev && strnlen(dev->name, IFNAMSIZ) == len && !memcmp(dev->name, name, len);
}

/* In a VRF, the hook gets the VRF's device, and sdif is the port's index. */
bool hf_flow_is_on(const struct hf_flow *flow, const struct nf_hook_state *state,
		   const char *name, size_t len)
{
	struct net *net = (struct net *)hf_net_find(flow->net_cookie);
	const struct net_device *in = NULL;

	if (state)
		in = state->in;
	else if (net)
		in = dev_get_by_index_rcu(net, flow->iif);
	return hf_device_is(in, name, len) ||
	       (net && flow->sdif && hf_device_is(dev_get_by_index_rcu(net, flow->sdif), name, len));
}

u32 hf_flow_netns(const struct hf_flow *flow)
{
	const struct net *net = hf_net_find(flow->net_cookie);

	return !net || net_eq(net, &init_net) ? 0 : net->ns.inum;
}

u32 hf_initial_netns(void)
{
	return init_net.ns.inum;
}

/*
 * Of a flow without a socket or a request: a SYN, or what brings back a SYN cookie. It is
 * not shown to a BPF program that chooses among the listeners of a port (SO_REUSEPORT).
 */
static struct sock *hf_flow_listener(const struct hf_flow *flow)
{
	struct net *net = (struct net *)hf_net_find(flow->net_cookie);

	if (!net)
		return NULL;
	if (flow->pf == NFPROTO_IPV4)
		return __inet_lookup_listener(net, NULL, 0, flow->saddr[0], flow->sport,
					      flow->daddr[0], ntohs(flow->dport),
					      flow->iif, flow->sdif);
#if IS_ENABLED(CONFIG_IPV6)
	return inet6_lookup_listener(net, NULL, 0, (const struct in6_addr *)flow->saddr, flow->sport,
				     (const struct in6_addr *)flow->daddr, ntohs(flow->dport),
				     flow->iif, flow->sdif);
#else
	return NULL;
#endif
}

/*
 * The full socket that receives a flow, or its listener; *found, the socket or request that
 * was found for it, is to be given back with hf_tcp_put(). A packet may have been assigned
 * to a listener that a lookup does not find (TPROXY, BPF). In TIME_WAIT, a SYN goes to the
 * listener (tcp_timewait_state_process()).
 */
static struct sock *hf_flow_sock(const struct hf_flow *flow, const struct sk_buff *skb,
				 struct hf_socket *found)
{
	struct sock *sk = skb && skb->sk && sk_fullsock(skb->sk) ? skb->sk : NULL;
	struct hf_first_seq first_seq;

	if (sk && READ_ONCE(sk->sk_state) != TCP_LISTEN) {
		*found = (struct hf_socket) { .sk = sk };
		return sk;
	}
	hf_tcp_lookup_flow(flow, found, &first_seq);
	if (!found->sk || READ_ONCE(found->sk->sk_state) == TCP_TIME_WAIT)
		return sk ?: hf_flow_listener(flow);
	if (READ_ONCE(found->sk->sk_state) == TCP_NEW_SYN_RECV)
		return inet_reqsk(found->sk)->rsk_listener;
	return sk_fullsock(found->sk) ? found->sk : NULL;
}

/* A socket has the group of the listener that it was cloned from. */
static struct cgroup *hf_sk_cgroup(struct sock *sk)
{
#ifdef CONFIG_SOCK_CGROUP_DATA
	return sock_cgroup_ptr(&sk->sk_cgrp_data);
#else
	return NULL;
#endif
}

struct cgroup *hf_flow_cgroup(const struct hf_flow *flow, const struct sk_buff *skb)
{
	struct hf_socket found;
	struct sock *sk = hf_flow_sock(flow, skb, &found);
	struct cgroup *cgroup = sk ? hf_sk_cgroup(sk) : NULL;

	hf_tcp_put(&found);
	return cgroup;
}

/* sk_uid is the listener's until a process accepts the socket (sock_graft()). */
void hf_flow_receiver(const struct hf_flow *flow, const struct sk_buff *skb,
		      struct hf_receiver *receiver)
{
	const struct net *net = hf_net_find(flow->net_cookie);
	struct hf_socket found;
	struct sock *sk = hf_flow_sock(flow, skb, &found);

	*receiver = (struct hf_receiver) { .has_socket = found.sk };
	if (net)
		receiver->netns = net->ns.inum;
	if (net && sk) {
		const struct cgroup *cgroup = hf_sk_cgroup(sk);
		kuid_t uid = READ_ONCE(sk->sk_uid);
		u32 cookie[2];

		sock_diag_save_cookie(sk, cookie);
		receiver->cookie = cookie[0] | (u64)cookie[1] << 32;
		receiver->cgroup = cgroup ? cgroup_id(cgroup) : 0;
		receiver->uid = from_kuid_munged(&init_user_ns, uid);
		receiver->uid_in_netns = from_kuid_munged(net->user_ns, uid);
		receiver->accepted = sk->sk_state != TCP_LISTEN && READ_ONCE(sk->sk_socket);
	}
	hf_tcp_put(&found);
}

/*
 * Groups of version 2 are not renamed, and have a level for each part of their path but
 * the root's.
 */
bool hf_cgroup_is_within(const struct cgroup *cgroup, const char *path, size_t len)
{
#ifdef CONFIG_CGROUPS
	const char *end = path + len;
	int level = 0;

	while (path != end) {
		const char *name;
		size_t part = 0;

		if (*path == '/') {
			path++;
			continue;
		}
		while (path + part != end && path[part] != '/')
			part++;
		if (++level > cgroup->level)
			return false;
		name = (const char *)rcu_access_pointer(cgroup->ancestors[level]->kn->name);
		if (strncmp(name, path, part) || name[part])
			return false;
		path += part;
	}
	return true;
#else
	return false;
#endif
}
