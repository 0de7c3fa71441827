/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Barriers between processors, as arch/x86/include/asm/barrier.h has them. User-mode Linux
 * takes those for devices instead, an mfence or lfence each.
 */
#define __smp_mb()	asm volatile("lock addl $0,-4(%%rsp)" ::: "memory", "cc")
#define __smp_rmb()	barrier()
#define __smp_wmb()	barrier()
#define __smp_store_mb(var, value)	do { (void)xchg(&(var), value); } while (0)
#define __smp_store_release(p, v)						\
do {									\
	compiletime_assert_atomic_type(*p);					\
	barrier();								\
	WRITE_ONCE(*p, v);							\
} while (0)
#define __smp_load_acquire(p)						\
({									\
	typeof(*p) ___p1 = READ_ONCE(*p);					\
	compiletime_assert_atomic_type(*p);					\
	barrier();								\
	___p1;									\
})
