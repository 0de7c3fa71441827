/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads for module/kernel/bindings.rs.
 *
 * Members of anonymous enums must not be named in the allow list: bindgen
 * numbers those enums anew in each run, and the number would name an unrelated
 * type of the kernel crate. They are pinned here instead.
 */
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/random.h>
#include <linux/tcp.h>
#include <net/genetlink.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

#include "../uapi/http_filter.h"
#include "../uapi/http_filter_netlink.h"
#include "conditions.h"
#include "defrag.h"
#include "flow_set.h"
#include "genetlink.h"
#include "helpers.h"
#include "netfilter.h"
#include "netns.h"
#include "skb.h"
#include "tcp.h"

const u8 HF_NFPROTO_IPV4 = NFPROTO_IPV4;
const u8 HF_NFPROTO_IPV6 = NFPROTO_IPV6;
const u32 HF_NF_INET_LOCAL_IN = NF_INET_LOCAL_IN;
const int HF_NF_IP_PRI_LAST = NF_IP_PRI_LAST;
const u8 HF_IPPROTO_TCP = IPPROTO_TCP;
const u8 HF_TCPHDR_SYN = TCPHDR_SYN;
const u8 HF_TCPHDR_URG = TCPHDR_URG;
const u16 HF_NLA_TYPE_MASK = NLA_TYPE_MASK;
const u32 HF_NF_ACCEPT = NF_ACCEPT;
const u32 HF_NF_DROP = NF_DROP;
