// SPDX-License-Identifier: GPL-2.0
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "helpers.h"

void *rust_helper_kmalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags);
}

void *rust_helper_kvmalloc(size_t size, gfp_t flags)
{
	return kvmalloc(size, flags);
}

/* As rust/helpers/spinlock.c. */
void rust_helper___spin_lock_init(spinlock_t *lock, const char *name, struct lock_class_key *key)
{
#ifdef CONFIG_DEBUG_SPINLOCK
# if defined(CONFIG_PREEMPT_RT) && defined(__spin_lock_init)
	__spin_lock_init(lock, name, key, false);
# elif defined(CONFIG_PREEMPT_RT)
	rt_mutex_base_init(&lock->lock);
	__rt_spin_lock_init(lock, name, key, false);
# else
	__raw_spin_lock_init(spinlock_check(lock), name, key, LD_WAIT_CONFIG);
# endif
#else
	spin_lock_init(lock);
#endif
}

void rust_helper_spin_assert_is_held(spinlock_t *lock)
{
	lockdep_assert_held(lock);
}

void rust_helper_mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key)
{
	__mutex_init(lock, name, key);
}

void rust_helper_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
}

int rust_helper_mutex_trylock(struct mutex *lock)
{
	return mutex_trylock(lock);
}

void rust_helper_mutex_assert_is_held(struct mutex *lock)
{
	lockdep_assert_held(lock);
}

void rust_helper_refcount_set(refcount_t *count, int value)
{
	refcount_set(count, value);
}

void rust_helper_refcount_inc(refcount_t *count)
{
	refcount_inc(count);
}

bool rust_helper_refcount_dec_and_test(refcount_t *count)
{
	return refcount_dec_and_test(count);
}

void rust_helper_printk(u8 level, const char *module, int module_len, const char *line, int len)
{
	_printk(KERN_SOH "%c%.*s: %.*s", level, module_len, module, len, line);
}

size_t rust_helper_errname(int error, char *name, size_t size)
{
	return scnprintf(name, size, "%pe", ERR_PTR(error));
}

void rust_helper_BUG(void)
{
	BUG();
}
