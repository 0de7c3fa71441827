// SPDX-License-Identifier: GPL-2.0
#include <linux/hashtable.h>
#include <linux/rculist.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "netns.h"

static DEFINE_HASHTABLE(hf_nets, 10);
/* Namespaces begin and end one after the other, but not of different registrations. */
static DEFINE_SPINLOCK(hf_nets_lock);

struct hf_net *hf_net_of(const struct net *net, unsigned int id)
{
	return net_generic(net, id);
}

void hf_net_add(struct hf_net *entry, struct net *net)
{
	entry->net = net;
	spin_lock(&hf_nets_lock);
	hash_add_rcu(hf_nets, &entry->node, net->net_cookie);
	spin_unlock(&hf_nets_lock);
}

void hf_net_remove(struct hf_net *entry)
{
	spin_lock(&hf_nets_lock);
	hash_del_rcu(&entry->node);
	spin_unlock(&hf_nets_lock);
}

const struct net *hf_net_find(u64 cookie)
{
	const struct hf_net *entry;

	hash_for_each_possible_rcu(hf_nets, entry, node, cookie)
		if (entry->net->net_cookie == cookie)
			return entry->net;
	return NULL;
}

u64 hf_net_initial_cookie(void)
{
	return init_net.net_cookie;
}

struct net *hf_net_get(u64 cookie)
{
	struct net *net;

	if (cookie == hf_net_initial_cookie())
		return get_net(&init_net);
	rcu_read_lock();
	net = (struct net *)hf_net_find(cookie);
	if (net)
		net = maybe_get_net(net);
	rcu_read_unlock();
	return net;
}
