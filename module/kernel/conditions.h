/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What rules ask, and events tell, about a flow: its device, its namespace, and the
 * socket that receives it. In an RCU read-side section, for which what is returned
 * lives. No policy.
 */
#ifndef _HTTP_FILTER_CONDITIONS_H
#define _HTTP_FILTER_CONDITIONS_H

#include "netfilter.h"

struct cgroup;

/*
 * Whether a packet came in by a device of this name, or by a port of a VRF device of this
 * name. Without @state it is gone: then it is taken to have come by the device that its
 * sender was bound to, if that is a process of this host.
 */
bool hf_flow_is_on(const struct hf_flow *flow, const struct nf_hook_state *state,
		   const char *name, size_t len);

/* The inode of the socket's namespace; 0 for the one that the system started with. */
u32 hf_flow_netns(const struct hf_flow *flow);
/* The inode of that one. */
u32 hf_initial_netns(void);

/*
 * The control group in which the socket, or its listener, was made; NULL if there is none. @skb is a
 * packet of the flow, or NULL.
 */
struct cgroup *hf_flow_cgroup(const struct hf_flow *flow, const struct sk_buff *skb);

/* The socket that receives a flow, or its listener, while it is a request or has none; @skb as above. */
struct hf_receiver {
	u64 cookie;		/* 0: neither was found, and what follows is not known */
	u64 cgroup;		/* the id of that in which it was made; 0: none */
	u32 uid;		/* its user */
	u32 uid_in_netns;	/* the same, as the owner of its network namespace sees it */
	bool accepted;		/* a process holds it, whose user that is; else the listener's */
	bool has_socket;	/* there is a socket or a request */
	u32 netns;		/* the inode of its network namespace */
};
void hf_flow_receiver(const struct hf_flow *flow, const struct sk_buff *skb,
		      struct hf_receiver *receiver);

/* Whether a control group is at a path, seen from the root, or below. */
bool hf_cgroup_is_within(const struct cgroup *cgroup, const char *path, size_t len);

#endif
