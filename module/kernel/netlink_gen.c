// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	module/uapi/http_filter.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/http_filter_netlink.h>

/* HTTP_FILTER_CMD_RULES_REPLACE - do */
static const struct nla_policy http_filter_rules_replace_nl_policy[HTTP_FILTER_A_RULES_TEXT + 1] = {
	[HTTP_FILTER_A_RULES_GENERATION] = { .type = NLA_U32, },
	[HTTP_FILTER_A_RULES_TEXT] = NLA_POLICY_MAX_LEN(HTTP_FILTER_CHUNK_MAX),
};

/* HTTP_FILTER_CMD_RULES_TEST - do */
static const struct nla_policy http_filter_rules_test_nl_policy[HTTP_FILTER_A_TEST_IN + 1] = {
	[HTTP_FILTER_A_TEST_FROM] = NLA_POLICY_MAX_LEN(16),
	[HTTP_FILTER_A_TEST_TO] = NLA_POLICY_MAX_LEN(16),
	[HTTP_FILTER_A_TEST_PORT] = { .type = NLA_U16, },
	[HTTP_FILTER_A_TEST_ON] = { .type = NLA_STRING, .len = HTTP_FILTER_DEVICE_NAME_MAX, },
	[HTTP_FILTER_A_TEST_NETNS] = { .type = NLA_U32, },
	[HTTP_FILTER_A_TEST_IN] = { .type = NLA_NUL_STRING, .len = HTTP_FILTER_CGROUP_PATH_MAX, },
};

/* Ops table for http_filter */
const struct genl_split_ops http_filter_nl_ops[3] = {
	{
		.cmd	= HTTP_FILTER_CMD_RULES_GET,
		.doit	= http_filter_nl_rules_get_doit,
		.flags	= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= HTTP_FILTER_CMD_RULES_REPLACE,
		.doit		= http_filter_nl_rules_replace_doit,
		.policy		= http_filter_rules_replace_nl_policy,
		.maxattr	= HTTP_FILTER_A_RULES_TEXT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= HTTP_FILTER_CMD_RULES_TEST,
		.doit		= http_filter_nl_rules_test_doit,
		.policy		= http_filter_rules_test_nl_policy,
		.maxattr	= HTTP_FILTER_A_TEST_IN,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group http_filter_nl_mcgrps[] = {
	[HTTP_FILTER_NLGRP_EVENTS] = { "events", },
};
