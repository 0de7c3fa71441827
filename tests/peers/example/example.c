// SPDX-License-Identifier: GPL-2.0
/*
 * A filter of HTTP as it is often written: it copies the payload of each IPv4
 * packet and searches it for "HTTP". It looks at the linear data alone, knows no
 * IPv6, ends at a NUL and remembers nothing; these flaws are what it is here for.
 */
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netfilter_ipv4.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <net/net_namespace.h>

static bool mentions_http(const void *payload, size_t size)
{
	char *text = kmalloc(size + 1, GFP_ATOMIC);
	bool found;

	if (!text)
		return false;
	memcpy(text, payload, size);
	text[size] = '\0';
	found = strstr(text, "HTTP");
	kfree(text);
	return found;
}

static unsigned int example(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const unsigned char *end = skb_tail_pointer(skb), *payload;
	const struct iphdr *ip = ip_hdr(skb);
	const struct tcphdr *tcp = (const void *)ip + ip->ihl * 4;

	if (ip->protocol != IPPROTO_TCP || (const unsigned char *)(tcp + 1) > end)
		return NF_ACCEPT;
	payload = (const unsigned char *)tcp + tcp->doff * 4;
	return payload < end && mentions_http(payload, end - payload) ? NF_DROP : NF_ACCEPT;
}

static const struct nf_hook_ops hook = {
	.hook = example,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_LOCAL_IN,
	.priority = NF_IP_PRI_FILTER,
};

static int __net_init add(struct net *net)
{
	return nf_register_net_hook(net, &hook);
}

static void __net_exit remove(struct net *net)
{
	nf_unregister_net_hook(net, &hook);
}

static struct pernet_operations namespaces = {
	.init = add,
	.exit = remove,
};

static int __init load(void)
{
	return register_pernet_subsys(&namespaces);
}

static void __exit unload(void)
{
	unregister_pernet_subsys(&namespaces);
}

module_init(load);
module_exit(unload);
MODULE_DESCRIPTION("Drops IPv4 packets that mention HTTP");
MODULE_LICENSE("GPL");
