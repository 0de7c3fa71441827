// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <net/genetlink.h>

#include "compat.h"
#include "genetlink.h"
#include "netlink_gen.h"
#include "netns.h"

static struct {
	hf_genl_handle *handle;
	void *data;
} hf_genl __ro_after_init;

/* The generated ones have no flags. */
static const struct genl_multicast_group hf_genl_groups[] = {
	[HTTP_FILTER_NLGRP_EVENTS] = {
		.name = HTTP_FILTER_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

static struct genl_family hf_genl_family __ro_after_init = {
	.name = HTTP_FILTER_FAMILY_NAME,
	.version = HTTP_FILTER_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = http_filter_nl_ops,
	.n_split_ops = ARRAY_SIZE(http_filter_nl_ops),
	.mcgrps = hf_genl_groups,
	.n_mcgrps = ARRAY_SIZE(hf_genl_groups),
};

int hf_genl_register(hf_genl_handle *handle, void *data)
{
	hf_genl.handle = handle;
	hf_genl.data = data;
	return genl_register_family(&hf_genl_family);
}

void hf_genl_unregister(void)
{
	genl_unregister_family(&hf_genl_family);
}

/* The request tells which operation it is. */
#define HF_GENL_DOIT(operation) \
int http_filter_nl_##operation##_doit(struct sk_buff *skb, struct genl_info *info) \
{ \
	return hf_genl.handle(hf_genl.data, info); \
}
HF_GENL_DOIT(rules_get)
HF_GENL_DOIT(rules_replace)
HF_GENL_DOIT(rules_test)

u8 hf_genl_command(const struct genl_info *info)
{
	return info->genlhdr->cmd;
}

/* All of them: of those with the same type, info->attrs has the last. */
const void *hf_genl_attributes(const struct genl_info *info, size_t *len)
{
	*len = genlmsg_len(info->genlhdr);
	return genlmsg_data(info->genlhdr);
}

/* The kernel keeps a copy of @text, where it can, and no copy of @constant. */
void hf_genl_set_error(const struct genl_info *info, const char *text, const char *constant)
{
#ifdef NL_SET_ERR_MSG_FMT
	NL_SET_ERR_MSG_FMT(info->extack, "%s", text);
#else
	if (info->extack)
		info->extack->_msg = constant;
#endif
}

struct sk_buff *hf_genl_reply_new(struct genl_info *info, size_t len)
{
	struct sk_buff *reply = genlmsg_new(len, GFP_KERNEL);

	if (reply)
		genlmsg_put_reply(reply, info, &hf_genl_family, 0, info->genlhdr->cmd);
	return reply;
}

void *hf_genl_nest_start(struct sk_buff *message, int type)
{
	return nla_nest_start(message, type);
}

void hf_genl_nest_end(struct sk_buff *message, void *nest)
{
	nla_nest_end(message, nest);
}

int hf_genl_reply_send(struct sk_buff *reply, struct genl_info *info)
{
	nlmsg_end(reply, nlmsg_hdr(reply));
	return genlmsg_reply(reply, info);
}

/* The kernel keeps one mask of the groups that have listeners, for all namespaces. */
bool hf_genl_has_listeners(void)
{
	return genl_has_listeners(&hf_genl_family, &init_net, HTTP_FILTER_NLGRP_EVENTS);
}

struct sk_buff *hf_genl_event_new(size_t len)
{
	struct sk_buff *event = genlmsg_new(len, GFP_KERNEL);

	if (event)
		genlmsg_put(event, 0, 0, &hf_genl_family, 0, HTTP_FILTER_CMD_EVENT);
	return event;
}

void hf_genl_event_send(struct sk_buff *event, u64 net_cookie)
{
	struct net *net = hf_net_get(net_cookie);

	if (!net) {
		nlmsg_free(event);
		return;
	}
	nlmsg_end(event, nlmsg_hdr(event));
	genlmsg_multicast_netns(&hf_genl_family, net, event, 0, HTTP_FILTER_NLGRP_EVENTS, GFP_KERNEL);
	put_net(net);
}

void hf_genl_message_free(struct sk_buff *message)
{
	nlmsg_free(message);
}
