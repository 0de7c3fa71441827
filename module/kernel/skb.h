/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading a packet's data where they do not lie in its linear part. Pages may be a
 * sender's, who can write to them meanwhile: a copy of them is read.
 */
#ifndef _HTTP_FILTER_SKB_H
#define _HTTP_FILTER_SKB_H

#include <linux/types.h>

struct sk_buff;

/*
 * Passes the data from offset @from to @to piece by piece, until there are no more, or
 * @consume returns false: then it returns false as well.
 */
typedef bool hf_consume(void *context, const u8 *data, u32 len);
bool hf_skb_read(const struct sk_buff *skb, u32 from, u32 to, hf_consume *consume, void *context);

#endif
