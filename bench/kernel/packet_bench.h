/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /dev/packet_bench does: it builds a segment for each of some sockets, and passes
 * all of them through the hooks of NF_INET_LOCAL_IN and the socket's filters, as TCP's
 * receive path would, again and again. None of these reaches TCP: but for what is queued before, the
 * sockets stay as they are.
 */
#ifndef _PACKET_BENCH_H
#define _PACKET_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum packet_bench_flags {
	PACKET_BENCH_KNOWN = 1,		/* early demux has found the socket */
	PACKET_BENCH_PAGED = 2,		/* the data lie in page fragments, as those of GRO */
	PACKET_BENCH_LISTED = 4,	/* ... in a list, as those of the shortest fragments of IP */
};

struct packet_bench_run {
	__u64 sockets;		/* in: file descriptors, int[count] */
	__u64 data;		/* in: of each segment, u8[len] */
	__u64 ticks;		/* out: u64[rounds], how long each round took for all sockets together: ticks() */
	__u32 count;
	__u32 len;		/* at most 65,000 */
	__u32 rounds;
	__u32 flags;		/* enum packet_bench_flags */
	__u32 dropped;		/* out: how many segments were not accepted, in the last round */
	/*
	 * in: how many other segments TCP gets first, for its out-of-order queue. They have two bytes
	 * each, and overlap; the first of these follows on a segment's data.
	 */
	__u32 queued;
};

/* A hook of this module's own, in the caller's namespace, while the device stays open. */
enum packet_bench_hook {
	PACKET_BENCH_NONE,
	PACKET_BENCH_EMPTY,	/* accepts */
	PACKET_BENCH_LIMIT,	/* parses, finds the socket, reads its position, accepts */
	PACKET_BENCH_MATCH,	/* copies the data and looks for "HTTP", as the C example meant to */
	PACKET_BENCH_EMPTY_RUST,	/* accepts, in Rust */
};

#define PACKET_BENCH_RUN	_IOWR('P', 1, struct packet_bench_run)
#define PACKET_BENCH_HOOK	_IO('P', 2)

#endif
