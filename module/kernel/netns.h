/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network namespaces that a registration has entered, by their cookies: a
 * namespace that is there can be found without a reference, one that has ended is
 * not there any more.
 */
#ifndef _HTTP_FILTER_NETNS_H
#define _HTTP_FILTER_NETNS_H

#include <linux/list.h>

struct net;

/* A registration's memory of a namespace, zeroed when it begins. */
struct hf_net {
	struct hlist_node node;
	struct net *net;
	bool entered;		/* the registration's own */
};
struct hf_net *hf_net_of(const struct net *net, unsigned int id);

/* In the callbacks of a registration. A removed one is unused after a grace period. */
void hf_net_add(struct hf_net *entry, struct net *net);
void hf_net_remove(struct hf_net *entry);

/* In an RCU read-side section, for which the namespace then lives. */
const struct net *hf_net_find(u64 cookie);

/* The same with a reference, for put_net(). The initial one is found while there is no registration, too. */
struct net *hf_net_get(u64 cookie);

/* The cookie of the namespace that the system started with. */
u64 hf_net_initial_cookie(void);

#endif
