// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "../uapi/http_filter.h"
#include "compat.h"
#include "helpers.h"

MODULE_VERSION(HTTP_FILTER_VERSION);

/*
 * Parameters are text, parsed by the same code as a write to the file of the
 * same name. Permission 0: the files under /sys/kernel are the place to look.
 */
struct hf_params hf_params;
#define HF_PARAM(name, text) \
	module_param_named(name, hf_params.name, charp, 0); \
	MODULE_PARM_DESC(name, text)
HF_PARAM(enabled, "filter from the start: 0, 1 (default 1)");
HF_PARAM(action, "what happens to HTTP: drop, reject, monitor (default drop)");
HF_PARAM(rules, "exceptions, of which the first that matches decides: allow|monitor|drop|reject CONDITION... (default none)");
HF_PARAM(detect, "what counts: any of requests,h2c,http09,responses (default requests,h2c,http09)");
HF_PARAM(log, "a line in the kernel log for each connection: 0, 1 (default 1)");
HF_PARAM(max_undecided, "undecided starts of streams that are kept: 1 to 1048576 (default 4096)");
HF_PARAM(namespaces, "network namespaces filtered: all, initial (default all)");

struct hf_counters {
	u64 value[HF_COUNTERS];
};
static DEFINE_PER_CPU(struct hf_counters, hf_counters);

void hf_count(unsigned int counter)
{
	if (counter < HF_COUNTERS)
		this_cpu_inc(hf_counters.value[counter]);
}

u64 hf_count_sum(unsigned int counter)
{
	u64 sum = 0;
	int cpu;

	if (counter < HF_COUNTERS)
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(per_cpu_ptr(&hf_counters, cpu)->value[counter]);
	return sum;
}

/* MSG_ON_RELEASE keeps the kernel from telling in its own words what was left out. */
static struct ratelimit_state hf_log_limit =
	RATELIMIT_STATE_INIT_FLAGS(hf_log_limit, 5 * HZ, 20, RATELIMIT_MSG_ON_RELEASE);

bool hf_log_allowed(unsigned int *suppressed)
{
	if (!__ratelimit(&hf_log_limit))
		return false;
	*suppressed = hf_log_suppressed();
	return true;
}

unsigned int hf_log_suppressed(void)
{
	return ratelimit_state_reset_miss(&hf_log_limit);
}

void hf_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

bool hf_spin_trylock_bh(spinlock_t *lock)
{
	return spin_trylock_bh(lock);
}

void hf_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

void hf_rcu_read_lock(void)
{
	rcu_read_lock();
}

void hf_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

void hf_delayed_work_init(struct delayed_work *work, void (*run)(struct work_struct *))
{
	INIT_DELAYED_WORK(work, run);
}

void hf_delayed_work_queue(struct delayed_work *work, unsigned int delay_ms)
{
	/* Work that is queued already is left as it is: it may run sooner. */
	queue_delayed_work(system_long_wq, work, msecs_to_jiffies(delay_ms));
}

void hf_delayed_work_expedite(struct delayed_work *work, unsigned int delay_ms)
{
	mod_delayed_work(system_long_wq, work, msecs_to_jiffies(delay_ms));
}

void hf_cond_resched(void)
{
	cond_resched();
}

u64 hf_real_ns(void)
{
	return ktime_get_real_ns();
}

u64 hf_uptime_ns(void)
{
	return ktime_get_ns();
}

unsigned int hf_online_cpus(void)
{
	return num_online_cpus();
}

/* A copy: the device may be renamed at any time. */
void hf_device_name(const struct nf_hook_state *state, char name[HF_DEVICE_NAME])
{
	BUILD_BUG_ON(HF_DEVICE_NAME != IFNAMSIZ);
	strscpy_pad(name, state->in ? state->in->name : "?", HF_DEVICE_NAME);
}

struct hf_attribute {
	struct kobj_attribute kobj_attr;
	struct hf_dir *dir;
	unsigned int file;
};

struct hf_dir {
	struct kobject *kobj;
	hf_show *show;
	hf_store *store;
	void *data;
	struct hf_attribute attributes[];
};

static ssize_t hf_attribute_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	struct hf_attribute *a = container_of(attr, struct hf_attribute, kobj_attr);

	/* What is not for everybody is not for the root of a container either, who may be the file's owner. */
	if (!(attr->attr.mode & 0044) && !capable(CAP_NET_ADMIN))
		return -EPERM;
	return a->dir->show(a->dir->data, a->file, page);
}

/* The file's mode lets root write, even without CAP_NET_ADMIN, which a firewall's interfaces require. */
static ssize_t hf_attribute_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *page, size_t len)
{
	struct hf_attribute *a = container_of(attr, struct hf_attribute, kobj_attr);

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	return a->dir->store(a->dir->data, a->file, page, len);
}

/* In another directory, or in /sys/kernel. */
struct hf_dir *hf_dir_create(const struct hf_dir *parent, const char *name,
			     const struct hf_file *files, unsigned int count,
			     hf_show *show, hf_store *store, void *data)
{
	struct hf_dir *dir;
	unsigned int i;
	int err;

	dir = kzalloc(struct_size(dir, attributes, count), GFP_KERNEL);
	if (!dir)
		return ERR_PTR(-ENOMEM);
	dir->show = show;
	dir->store = store;
	dir->data = data;
	dir->kobj = kobject_create_and_add(name, parent ? parent->kobj : kernel_kobj);
	if (!dir->kobj) {
		kfree(dir);
		return ERR_PTR(-ENOMEM);
	}

	for (i = 0; i < count; i++) {
		struct hf_attribute *a = &dir->attributes[i];

		a->dir = dir;
		a->file = i;
		sysfs_attr_init(&a->kobj_attr.attr);
		a->kobj_attr.attr.name = files[i].name;
		a->kobj_attr.attr.mode = files[i].mode;
		a->kobj_attr.show = hf_attribute_show;
		a->kobj_attr.store = hf_attribute_store;
		err = sysfs_create_file(dir->kobj, &a->kobj_attr.attr);
		if (err) {
			hf_dir_remove(dir);
			return ERR_PTR(err);
		}
	}
	return dir;
}

/* Waits for running callbacks; none starts afterwards. */
void hf_dir_remove(struct hf_dir *dir)
{
	kobject_del(dir->kobj);
	kobject_put(dir->kobj);
	kfree(dir);
}
