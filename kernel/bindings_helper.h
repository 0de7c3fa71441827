/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads for kernel/src/bindings.rs. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "helpers.h"

const u32 HF_GFP_KERNEL = GFP_KERNEL;
const size_t HF_PAGE_SIZE = PAGE_SIZE;
