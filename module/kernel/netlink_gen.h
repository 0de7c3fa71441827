/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	module/uapi/http_filter.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#ifndef _LINUX_HTTP_FILTER_GEN_H
#define _LINUX_HTTP_FILTER_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/http_filter_netlink.h>

/* Ops table for http_filter */
extern const struct genl_split_ops http_filter_nl_ops[3];

int http_filter_nl_rules_get_doit(struct sk_buff *skb, struct genl_info *info);
int http_filter_nl_rules_replace_doit(struct sk_buff *skb,
				      struct genl_info *info);
int http_filter_nl_rules_test_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	HTTP_FILTER_NLGRP_EVENTS,
};

#endif /* _LINUX_HTTP_FILTER_GEN_H */
