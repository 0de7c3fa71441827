/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Rust cannot reach by itself: macros, inline functions, per-CPU data,
 * layouts that change between kernels. No policy.
 */
#ifndef _HTTP_FILTER_HELPERS_H
#define _HTTP_FILTER_HELPERS_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/sysfs.h>

/* Load-time parameters, NULL where not given. */
struct hf_params {
	char *enabled;
	char *action;
	char *rules;
	char *detect;
	char *log;
	char *max_undecided;
	char *namespaces;
};
extern struct hf_params hf_params;

/* Per-CPU counters. */
#define HF_COUNTERS	32
void hf_count(unsigned int counter);
u64 hf_count_sum(unsigned int counter);

/* Ratelimited log: true if a line may be written, *suppressed those before it that were not. */
bool hf_log_allowed(unsigned int *suppressed);
unsigned int hf_log_suppressed(void);

/* A spinlock that is taken with bottom halves off. */
void hf_spin_lock_bh(spinlock_t *lock);
bool hf_spin_trylock_bh(spinlock_t *lock);
void hf_spin_unlock_bh(spinlock_t *lock);

void hf_rcu_read_lock(void);
void hf_rcu_read_unlock(void);

/* Work in process context, some time later. */
struct delayed_work;
struct work_struct;
void hf_delayed_work_init(struct delayed_work *work, void (*run)(struct work_struct *));
void hf_delayed_work_queue(struct delayed_work *work, unsigned int delay_ms);
void hf_delayed_work_expedite(struct delayed_work *work, unsigned int delay_ms);
void hf_cond_resched(void);

/* Nanoseconds: since 1970 (CLOCK_REALTIME), and since the system started (CLOCK_MONOTONIC). Any context. */
u64 hf_real_ns(void);
u64 hf_uptime_ns(void);

unsigned int hf_online_cpus(void);

/* The name of a packet's device of arrival, at most HF_DEVICE_NAME - 1 bytes and a NUL. */
#define HF_DEVICE_NAME	16
void hf_device_name(const struct nf_hook_state *state, char name[HF_DEVICE_NAME]);

/* Directories in sysfs whose files call back. */
struct hf_file {
	const char *name;
	u16 mode;
};
struct hf_dir;
typedef ssize_t hf_show(void *data, unsigned int file, char *page);
typedef ssize_t hf_store(void *data, unsigned int file, const char *page, size_t len);
struct hf_dir *hf_dir_create(const struct hf_dir *parent, const char *name,
			     const struct hf_file *files, unsigned int count,
			     hf_show *show, hf_store *store, void *data);
void hf_dir_remove(struct hf_dir *dir);

#endif
