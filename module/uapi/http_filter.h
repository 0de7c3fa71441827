/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface between http_filter.ko and user space: names and values of
 * the files below HTTP_FILTER_SYSFS. Both sides generate their bindings from
 * this file.
 */
#ifndef _UAPI_HTTP_FILTER_H
#define _UAPI_HTTP_FILTER_H

#define HTTP_FILTER_MODULE	"http_filter"
#define HTTP_FILTER_VERSION	"0.1.0"
#define HTTP_FILTER_SYSFS	"/sys/kernel/http_filter"

/* Settings; all but the last four can be written. Also load-time parameters. */
#define HTTP_FILTER_ENABLED	"enabled"	/* 0, 1 */
#define HTTP_FILTER_ACTION	"action"	/* HTTP_FILTER_ACTION_* */
#define HTTP_FILTER_RULES	"rules"		/* exceptions from action: one ordered list, first match wins */
#define HTTP_FILTER_DETECT	"detect"	/* any of HTTP_FILTER_DETECT_* */
#define HTTP_FILTER_LOG		"log"		/* 0, 1 */
#define HTTP_FILTER_MAX_UNDECIDED "max_undecided" /* entries, load time only */
#define HTTP_FILTER_NAMESPACES	"namespaces"	/* HTTP_FILTER_NAMESPACES_*, load time only */
#define HTTP_FILTER_VERSION_FILE "version"	/* not a parameter */
#define HTTP_FILTER_SINCE	"since"		/* not a parameter; seconds, CLOCK_REALTIME */

#define HTTP_FILTER_ACTION_DROP		"drop"
#define HTTP_FILTER_ACTION_REJECT	"reject"
#define HTTP_FILTER_ACTION_MONITOR	"monitor"
#define HTTP_FILTER_ACTION_ALLOW	"allow"		/* of rules alone */

#define HTTP_FILTER_DETECT_REQUESTS	"requests"
#define HTTP_FILTER_DETECT_H2C		"h2c"
#define HTTP_FILTER_DETECT_HTTP09	"http09"
#define HTTP_FILTER_DETECT_RESPONSES	"responses"

#define HTTP_FILTER_NAMESPACES_ALL	"all"
#define HTTP_FILTER_NAMESPACES_INITIAL	"initial"

/* Counters: one unsigned 64-bit decimal a file. */
#define HTTP_FILTER_STATS	"stats"
#define HTTP_FILTER_RESET	"reset"		/* in stats, write-only: any write sets all to 0 */

/* ... connections, once each, found to be so, whatever the action; */
#define HTTP_FILTER_STAT_REQUESTS	"requests"
#define HTTP_FILTER_STAT_H2C		"h2c"
#define HTTP_FILTER_STAT_HTTP09		"http09"
#define HTTP_FILTER_STAT_RESPONSES	"responses"
/* ... connections by what became of them; */
#define HTTP_FILTER_STAT_BLOCKED	"blocked"
#define HTTP_FILTER_STAT_MONITORED	"monitored"
#define HTTP_FILTER_STAT_ALLOWED	"allowed"	/* by a rule */
#define HTTP_FILTER_STAT_EVICTED	"evicted"	/* undecided, aborted */
/* ... segments. */
#define HTTP_FILTER_STAT_INSPECTED	"inspected"	/* payload looked at */
#define HTTP_FILTER_STAT_DROPPED	"dropped"	/* would complete a first line of HTTP, or follow one */
#define HTTP_FILTER_STAT_DEFERRED	"deferred"	/* dropped for the sender to retransmit */
#define HTTP_FILTER_STAT_REFUSED	"refused"	/* the same: no free slot, or a second stream */
#define HTTP_FILTER_STAT_MALFORMED	"malformed"	/* no TCP header could be read */
#define HTTP_FILTER_STAT_UNINSPECTABLE	"uninspectable"	/* passed without a verdict */
/* ... events, which are told by netlink. */
#define HTTP_FILTER_STAT_EVENTS_LOST	"events_lost"	/* there was no room */

/* A gauge: streams whose start is undecided, now. */
#define HTTP_FILTER_STAT_UNDECIDED	"undecided"

/* ... requests by method: a file each in stats/methods, and one for the rest. */
#define HTTP_FILTER_METHODS	"methods"
#define HTTP_FILTER_METHOD_OTHER "other"

#endif
