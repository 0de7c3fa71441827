/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family, whose operations are in netlink_gen.c: it is handed
 * requests that the kernel has found to be in order, and replies; and it sends events
 * to who listens. Process context; may sleep. No policy.
 */
#ifndef _HTTP_FILTER_GENETLINK_H
#define _HTTP_FILTER_GENETLINK_H

#include <linux/types.h>

struct genl_info;
struct sk_buff;

/* Carries out a request; requests can come at the same time. 0 or an error. */
typedef int hf_genl_handle(void *data, struct genl_info *info);

/* While the module is initialised, and once. */
int hf_genl_register(hf_genl_handle *handle, void *data);
/* Waits for requests under way; none is handed over afterwards. */
void hf_genl_unregister(void);

/* Of a request: which operation it is, its attributes, and text for its error, at most 79 bytes. */
u8 hf_genl_command(const struct genl_info *info);
const void *hf_genl_attributes(const struct genl_info *info, size_t *len);
void hf_genl_set_error(const struct genl_info *info, const char *text, const char *constant);

/* A message with room for attributes of so many bytes, NULL without memory. Sending it frees it. */
struct sk_buff *hf_genl_reply_new(struct genl_info *info, size_t len);
int hf_genl_reply_send(struct sk_buff *reply, struct genl_info *info);
struct sk_buff *hf_genl_event_new(size_t len);
void *hf_genl_nest_start(struct sk_buff *message, int type);
void hf_genl_nest_end(struct sk_buff *message, void *nest);
void hf_genl_message_free(struct sk_buff *message);

/* To those who listen in the namespace with this cookie, if it is still there. */
void hf_genl_event_send(struct sk_buff *event, u64 net_cookie);

/* Whether somebody listens, in any namespace. Any context; costs a few loads. */
bool hf_genl_has_listeners(void);

#endif
