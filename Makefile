# SPDX-License-Identifier: GPL-2.0
KVER ?= $(shell uname -r)
build := $(CURDIR)/build/$(KVER)

.PHONY: all module
all: module

module:
	@mkdir -p $(build)
	@set -e; tree=$$(scripts/kernel-tree $(KVER) $(KDIR)); eval "$$tree"; \
	$(MAKE) -C $$KDIR M=$(CURDIR) MO=$(build) CC=$$CC RUSTC=$$RUSTC modules
