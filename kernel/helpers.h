/* SPDX-License-Identifier: GPL-2.0 */
/* What the stand-in's Rust cannot reach by itself: macros and inline functions. */
#ifndef _KERNEL_HELPERS_H
#define _KERNEL_HELPERS_H

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

void *rust_helper_kmalloc(size_t size, gfp_t flags);
void *rust_helper_kvmalloc(size_t size, gfp_t flags);

void rust_helper___spin_lock_init(spinlock_t *lock, const char *name, struct lock_class_key *key);
void rust_helper_spin_assert_is_held(spinlock_t *lock);

void rust_helper_mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key);
void rust_helper_mutex_lock(struct mutex *lock);
int rust_helper_mutex_trylock(struct mutex *lock);
void rust_helper_mutex_assert_is_held(struct mutex *lock);

void rust_helper_refcount_set(refcount_t *count, int value);
void rust_helper_refcount_inc(refcount_t *count);
bool rust_helper_refcount_dec_and_test(refcount_t *count);

/* A line of the log of a level, of the digit that KERN_* has. */
void rust_helper_printk(u8 level, const char *module, int module_len, const char *line, int len);
/* Writes the name of an error, which is negative, as %pe does. Returns its length. */
size_t rust_helper_errname(int error, char *name, size_t size);
void rust_helper_BUG(void);

#endif
