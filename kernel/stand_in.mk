# SPDX-License-Identifier: GPL-2.0
#
# The build with the stand-in for the kernel crate: all Rust becomes one object, which
# no flag or file of the kernel's own Rust build has a part in. Included by Kbuild.
#
# HF_RUSTFLAGS has what rust/Makefile and arch/*/Makefile give Rust in Linux 7.3,
# wherever this kernel has the option.

# An option that was renamed when mitigations got a prefix (Linux 6.9).
hf-mitigation = $(or $(CONFIG_MITIGATION_$(1)),$(CONFIG_$(1)))

HF_RUSTFLAGS := --edition=2021 -Cpanic=abort -Copt-level=2 -Ccodegen-units=1 \
	-Cforce-unwind-tables=n -Csymbol-mangling-version=v0 -Crelocation-model=static \
	-Zfunction-sections=n -Cdebug-assertions=n -Coverflow-checks=y \
	-Zunstable-options --sysroot=/dev/null -Zcrate-attr=no_std \
	-Cforce-frame-pointers=$(if $(CONFIG_FRAME_POINTER),y,n) \
	$(if $(CONFIG_DEBUG_INFO_NONE),,-Cdebuginfo=1)

# Another rustc makes all anew.
hf-rustc-id := $(shell $(RUSTC) -vV | sha256sum | cut -c1-16)

# The spelling changed in 1.93.
hf-no-jump-tables := $(shell $(RUSTC) -Cjump-tables=n --print sysroot >/dev/null 2>&1 && echo -Cjump-tables=n || echo -Zno-jump-tables)

ifeq ($(SRCARCH),x86)
HF_TARGET := $(HF_OBJ)/kernel/target.json
HF_RUSTFLAGS += -Cno-redzone=y -Ccode-model=kernel \
	$(if $(call hf-mitigation,RETHUNK),-Zfunction-return=thunk-extern) \
	$(if $(CONFIG_CALL_PADDING),-Zpatchable-function-entry=$(CONFIG_FUNCTION_PADDING_BYTES)$(comma)$(CONFIG_FUNCTION_PADDING_BYTES)) \
	$(if $(CONFIG_X86_KERNEL_IBT),-Zcf-protection=branch) \
	$(if $(CONFIG_X86_KERNEL_IBT)$(call hf-mitigation,RETPOLINE),$(hf-no-jump-tables))
hf-features := \
	$(if $(call hf-mitigation,RETPOLINE),$(comma)+retpoline-external-thunk$(comma)+retpoline-indirect-branches$(comma)+retpoline-indirect-calls) \
	$(if $(call hf-mitigation,SLS),$(comma)+harden-sls-ijmp$(comma)+harden-sls-ret)

# rustc's own target for bare machines, without what the kernel's code must not have, and
# with what only a target can ask for. (Position independence would leave relocations
# by a table, which modules have none of.)
# An edit that finds nothing to change is an error: a module without it would be less safe.
quiet_cmd_hf_target = TARGET  $@
      cmd_hf_target = : $(hf-rustc-id); RUSTC_BOOTSTRAP=1 $(RUSTC) -Zunstable-options --print target-spec-json \
	--target x86_64-unknown-none > $@.rustc && sed -e '/"is-builtin"/d' -e '/"stack-probes"/,/}/s/"inline"/"none"/' \
	-e 's/"relro-level": "[a-z]*"/"relro-level": "off"/' \
	-e 's/\("features": "[^"]*\)"/\1$(subst $(space),,$(hf-features))"/' $@.rustc > $@.edited && \
	for edit in '"kind": "none"' '"relro-level": "off"' '"features": .*soft-float$(subst $(space),,$(hf-features))"'; do \
		grep -q "$$edit" $@.edited || { echo "$(RUSTC) has another form of target: no $$edit" >&2; exit 1; }; \
	done && mv $@.edited $@
targets += kernel/target.json
$(HF_TARGET): FORCE
	$(call if_changed,hf_target)
else
HF_TARGET := aarch64-unknown-none-softfloat
HF_RUSTFLAGS += $(if $(CONFIG_ARM64_BTI_KERNEL),-Zbranch-protection=bti$(comma)pac-ret,\
	$(if $(CONFIG_ARM64_PTR_AUTH_KERNEL),-Zbranch-protection=pac-ret)) \
	$(if $(CONFIG_ARM64_BTI_KERNEL),$(hf-no-jump-tables))
endif

# Rust's core library, for these flags: cached, since it takes most of the time.
quiet_cmd_hf_core = RUSTC   $@
      cmd_hf_core = : $(hf-rustc-id); $(src)/kernel/build-core $(RUSTC) $(HF_TARGET) $(obj)/kernel $(HF_RUSTFLAGS) -Clinker-plugin-lto
targets += kernel/libcore.rlib
$(obj)/kernel/libcore.rlib: $(filter %.json,$(HF_TARGET)) $(src)/kernel/build-core FORCE
	$(call if_changed,hf_core)

# A crate; HF_EXTERN are those that it uses. Warnings are errors where this is developed:
# another rustc may have others.
hf-rustc = : $(hf-rustc-id); RUSTC_BOOTSTRAP=1 HF_OBJ=$(HF_OBJ) $(RUSTC) --target $(HF_TARGET) $(HF_RUSTFLAGS) $(HF_RUSTWARN) \
	-L $(obj)/kernel --extern core=$(obj)/kernel/libcore.rlib \
	$(foreach crate,$(HF_EXTERN),--extern $(crate)=$(obj)/kernel/lib$(crate).rlib) \
	--out-dir $(obj)/kernel
# Older kernels' fixdep takes comments for files.
hf-depfile = ; sed -i '/^$(pound)/d' $(depfile)
quiet_cmd_hf_rlib = RUSTC   $@
      cmd_hf_rlib = $(hf-rustc) -Clinker-plugin-lto --crate-type rlib --crate-name $(patsubst lib%.rlib,%,$(@F)) \
	--emit=link,dep-info=$(depfile) $< $(hf-depfile)

targets += kernel/libpin_init.rlib kernel/libkernel.rlib kernel/libclassifier.rlib
$(obj)/kernel/libpin_init.rlib: $(src)/kernel/pin_init/lib.rs $(obj)/kernel/libcore.rlib FORCE
	$(call if_changed_dep,hf_rlib)
$(obj)/kernel/libkernel.rlib: private HF_EXTERN = pin_init
$(obj)/kernel/libkernel.rlib: private HF_RUSTFLAGS += --check-cfg 'cfg(hf_objtool_per_object)' $(if $(delay-objtool),,--cfg hf_objtool_per_object)
$(obj)/kernel/libkernel.rlib: $(src)/kernel/src/lib.rs $(obj)/kernel/bindings_generated.rs $(obj)/kernel/libpin_init.rlib FORCE
	$(call if_changed_dep,hf_rlib)
$(obj)/kernel/libclassifier.rlib: $(src)/classifier/src/lib.rs $(obj)/kernel/libcore.rlib FORCE
	$(call if_changed_dep,hf_rlib)

# The module with all of these, as one object.
quiet_cmd_hf_staticlib = RUSTC   $@
      cmd_hf_staticlib = $(hf-rustc) --crate-type staticlib --crate-name http_filter -Clto=fat \
	-Zcrate-attr='feature(used_with_arg)' --emit=link,dep-info=$(depfile) $< $(hf-depfile)
targets += kernel/libhttp_filter.a
$(obj)/kernel/libhttp_filter.a: private HF_EXTERN = pin_init kernel classifier
$(obj)/kernel/libhttp_filter.a: $(src)/module/main.rs $(obj)/module/kernel/bindings_generated.rs \
		$(obj)/kernel/libkernel.rlib $(obj)/kernel/libclassifier.rlib FORCE
	$(call if_changed_dep,hf_staticlib)

# Kernels without IBT's objtool run look at single objects alone.
quiet_cmd_hf_object = LD      $@
      cmd_hf_object = $(LD) $(ld_flags) -r -u init_module -o $@ $< $(hf-objtool)
hf-objtool = $(if $(CONFIG_OBJTOOL)$(CONFIG_STACK_VALIDATION),$(if $(delay-objtool),,; $(objtool) $(objtool-args) $@))
targets += kernel/rust.o
$(obj)/kernel/rust.o: $(obj)/kernel/libhttp_filter.a FORCE
	$(call if_changed,hf_object)

quiet_cmd_hf_kernel_bindgen = BINDGEN $@
      cmd_hf_kernel_bindgen = $(BINDGEN) $< \
	--allowlist-type 'atomic64_t|sk_buff|net|sock|module|spinlock_t|mutex|lock_class_key|refcount_t|delayed_work|work_struct|list_head|net_device|u_int8_t|__sum16|__be32' \
	--opaque-type 'net|sock|module|net_device|mutex|delayed_work|work_struct|spinlock' \
	--allowlist-var 'HF_.*|MAX_ERRNO|EACCES|EBUSY|EFBIG|EINVAL|EMSGSIZE|ENOMEM|AF_INET6?|init_net' \
	--allowlist-function 'rust_helper_.*|kfree|kvfree|mutex_unlock|skb_copy_bits|strlen|get_random_bytes' \
	--allowlist-function 'ktime_get_(real_)?seconds|synchronize_rcu(_expedited)?|cancel_delayed_work_sync' \
	--allowlist-function '(get_state|start_poll|poll_state)_synchronize_rcu' \
	$(hf_bindgen_options) -o $@ -- $(hf_bindgen_c_flags)
targets += kernel/bindings_generated.rs
$(obj)/kernel/bindings_generated.rs: $(src)/kernel/bindings_helper.h FORCE
	$(call if_changed_dep,hf_kernel_bindgen)

clean-files += kernel/target.json* kernel/*.rlib kernel/*.a kernel/bindings_generated.rs
