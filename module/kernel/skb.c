// SPDX-License-Identifier: GPL-2.0
#include <linux/skbuff.h>

#include "compat.h"
#include "skb.h"

/* Most streams are decided by their first bytes. */
#define HF_FIRST_PIECE	32
#define HF_PIECE	512

/*
 * memcpy() by words: a processor's instruction for strings takes long to start. The barriers
 * keep the compiler from making a memcpy() of it.
 */
static void hf_copy(u8 *to, const u8 *from, u32 len)
{
	struct word {
		u64 word;
	} __packed;
	struct words {
		u64 words[4];
	} __packed;

	for (; len >= sizeof(struct words); len -= sizeof(struct words)) {
		*(struct words *)to = *(const struct words *)from;
		barrier();
		to += sizeof(struct words);
		from += sizeof(struct words);
	}
	for (; len >= sizeof(struct word); len -= sizeof(struct word)) {
		*(struct word *)to = *(const struct word *)from;
		barrier();
		to += sizeof(struct word);
		from += sizeof(struct word);
	}
	for (; len; len--) {
		*to++ = *from++;
		barrier();
	}
}

/* A part of a packet: all of it, or a packet of its list of fragments. */
struct hf_part {
	const struct sk_buff *skb;
	int frag;	/* how far its page fragments were gone through */
	u32 start;	/* offset of the first byte of that one */
};

struct hf_reading {
	hf_consume *consume;
	void *context;
	u32 size;	/* of the next piece */
	u32 filled;	/* how much of it is there */
	u8 buffer[HF_PIECE] __aligned(sizeof(u64));
};

/* Bytes at @offset that lie together, *len at most. NULL: they are elsewhere, or not always mapped. */
static const u8 *hf_part_bytes(struct hf_part *part, u32 offset, u32 *len)
{
	const struct sk_buff *skb = part->skb;
	u32 headlen = skb_headlen(skb);

	if (offset < headlen) {
		*len = min(*len, headlen - offset);
		return skb->data + offset;
	}
	if (IS_ENABLED(CONFIG_HIGHMEM) || !skb_frags_readable(skb))
		return NULL;
	for (; part->frag < skb_shinfo(skb)->nr_frags; part->frag++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[part->frag];
		u32 end = part->start + skb_frag_size(frag);

		if (offset < end) {
			*len = min(*len, end - offset);
			return skb_frag_address(frag) + (offset - part->start);
		}
		part->start = end;
	}
	return NULL;
}

static bool hf_consume_piece(struct hf_reading *reading)
{
	u32 len = reading->filled;

	reading->size = sizeof(reading->buffer);
	reading->filled = 0;
	return reading->consume(reading->context, reading->buffer, len);
}

/* Whether @consume has not ended it. */
static bool hf_read_part(const struct sk_buff *skb, u32 from, u32 to, struct hf_reading *reading)
{
	struct hf_part part = { .skb = skb, .start = skb_headlen(skb) };

	while (from < to) {
		u32 len = min(to - from, reading->size - reading->filled);
		const u8 *data = hf_part_bytes(&part, from, &len);
		u8 *free = reading->buffer + reading->filled;

		if (data)
			hf_copy(free, data, len);
		else if (skb_copy_bits(skb, from, free, len))
			return false;
		from += len;
		reading->filled += len;
		if (reading->filled == reading->size && !hf_consume_piece(reading))
			return false;
	}
	return true;
}

/*
 * skb_copy_bits() goes through the whole list for each piece. A list within a list, as of
 * fragments of fragments, is left to it.
 */
bool hf_skb_read(const struct sk_buff *skb, u32 from, u32 to, hf_consume *consume, void *context)
{
	struct hf_reading reading __uninitialized;
	const struct sk_buff *part;
	u32 start;

	reading.consume = consume;
	reading.context = context;
	reading.size = HF_FIRST_PIECE;
	reading.filled = 0;
	start = skb_pagelen(skb);
	if (from < start && !hf_read_part(skb, from, min(to, start), &reading))
		return false;
	skb_walk_frags(skb, part) {
		u32 end = start + part->len;

		if (from < end && start < to &&
		    !hf_read_part(part, max(from, start) - start, min(to, end) - start, &reading))
			return false;
		start = end;
	}
	return !reading.filled || hf_consume_piece(&reading);
}
