// SPDX-License-Identifier: GPL-2.0
#include <linux/skbuff.h>

#include "compat.h"
#include "skb.h"

/* Most streams are decided by their first bytes. */
#define HF_FIRST_PIECE	32
#define HF_PIECE	512

/* How far the page fragments were gone through. */
struct hf_position {
	int frag;
	u32 start;	/* offset of its first byte */
};

/*
 * The byte at @offset in a page fragment, with those behind it, *len at most. NULL: it is
 * elsewhere, or the page is not mapped all the time.
 */
static const u8 *hf_in_frag(const struct sk_buff *skb, u32 offset, struct hf_position *position,
			    u32 *len)
{
	if (IS_ENABLED(CONFIG_HIGHMEM) || !skb_frags_readable(skb))
		return NULL;
	for (; position->frag < skb_shinfo(skb)->nr_frags; position->frag++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[position->frag];
		u32 end = position->start + skb_frag_size(frag);

		if (offset < position->start)
			return NULL;
		if (offset < end) {
			*len = min(*len, end - offset);
			return skb_frag_address(frag) + (offset - position->start);
		}
		position->start = end;
	}
	return NULL;
}

/* memcpy() by words: a processor's instruction for strings takes long to start. */
static void hf_copy(u8 *to, const u8 *from, u32 len)
{
	struct words {
		u64 words[4];
	} __packed;

	for (; len >= sizeof(struct words); len -= sizeof(struct words)) {
		*(struct words *)to = *(const struct words *)from;
		/* Or the compiler would make a memcpy() of it. */
		barrier();
		to += sizeof(struct words);
		from += sizeof(struct words);
	}
	for (; len; len--) {
		*to++ = *from++;
		barrier();
	}
}

bool hf_skb_read(const struct sk_buff *skb, u32 from, u32 to, hf_consume *consume, void *context)
{
	u8 buffer[HF_PIECE] __uninitialized __aligned(sizeof(u64));
	struct hf_position position = { .start = skb_headlen(skb) };
	u32 size = HF_FIRST_PIECE;

	while (from < to) {
		u32 piece = min(to - from, size);
		const u8 *data = hf_in_frag(skb, from, &position, &piece);

		if (data)
			hf_copy(buffer, data, piece);
		else if (skb_copy_bits(skb, from, buffer, piece))
			break;
		if (!consume(context, buffer, piece))
			return false;
		from += piece;
		size = sizeof(buffer);
	}
	return true;
}
