# SPDX-License-Identifier: GPL-2.0

SHELL := /bin/bash

# The kernel to build for: its release (KVER=), or its build folder (KDIR=).
KVER ?= $(if $(KDIR),$(shell cat $(KDIR)/include/config/kernel.release),$(shell uname -r))
PREFIX ?= /usr/local
CARGO ?= cargo

ifneq ($(words $(CURDIR)),1)
$(error the path of the checkout has a blank in it, which the kernel's makefiles can't stand: $(CURDIR))
endif
build := $(CURDIR)/build/$(KVER)
ifneq ($(words x$(DESTDIR)$(PREFIX)),1)
$(error DESTDIR or PREFIX has a blank in it, which the units of systemd and this file can't stand)
endif
cargo_target := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
lab := tests/lab/lab
# Where manual pages and completions are installed.
share := $(DESTDIR)$(PREFIX)/share

.PHONY: all
all: cargo module filterctl ## build http_filter.ko and filterctl, for KVER= (default: the running kernel)
	@cp $(build)/http_filter.ko $(build)/filterctl .
	@echo "built http_filter.ko for $(KVER), and filterctl"

# Kernels that know no MO= build where the sources are: there they get links to them. What was built with the other kernel crate is of no use.
.PHONY: module
module: ## build http_filter.ko alone
	@mkdir -p "$(build)"
	@set -e; tree=$$(scripts/kernel-tree $(KVER) $(KDIR)); eval "$$tree"; \
	[ "$$(cat "$(build)/kernel-crate" 2>/dev/null)" = $$KERNEL_CRATE ] || rm -rf "$(build)"/{.*.cmd,*.o,Module.symvers,modules.order,module,classifier,kernel}; \
	echo $$KERNEL_CRATE >"$(build)/kernel-crate"; \
	where="M=$(CURDIR) MO=$(build)"; \
	if [ -z "$$KNOWS_MO" ]; then \
		cp -rs --remove-destination "$(CURDIR)"/{Kbuild,module,classifier,kernel} "$(build)"; \
		find "$(build)" -xtype l -delete; \
		where="M=$(build)"; \
	fi; \
	$(MAKE) --no-print-directory -C $$KDIR $$where CC=$$CC RUSTC=$$RUSTC BINDGEN=$$BINDGEN HF_KERNEL_CRATE=$$KERNEL_CRATE $${ARCH:+ARCH=$$ARCH} CONFIG_DEBUG_INFO_BTF_MODULES= modules

.PHONY: cargo
cargo:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: apt install cargo (on Debian 12: cargo-web, on Ubuntu 24.04: cargo-1.89), or name it with CARGO=" >&2; exit 1; }

.PHONY: filterctl
filterctl: cargo ## build filterctl alone
	@$(CARGO) build --quiet --release --locked --package filterctl
	@mkdir -p $(build)
	@install $(cargo_target)/release/filterctl $(build)/filterctl
	@rm -rf $(build)/{man,completions}; mkdir $(build)/completions
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)} $(build)/filterctl generate man $(build)/man
	@$(build)/filterctl generate completions bash >$(build)/completions/filterctl.bash
	@$(build)/filterctl generate completions zsh >$(build)/completions/_filterctl
	@$(build)/filterctl generate completions fish >$(build)/completions/filterctl.fish

# Where systemd and modprobe look for what is no package of the distribution, too.
UNITS := http_filter.service http_filter-metrics.service http_filter-metrics.timer
sbindir := $(PREFIX)/sbin
unitdir := $(PREFIX)/lib/systemd/system
modprobe := $(PREFIX)/lib/modprobe.d/http_filter.conf
docdir := $(PREFIX)/share/doc/http_filter
config := /etc/http_filter.toml
module := /lib/modules/$(KVER)/updates/http_filter.ko
textfile := /var/lib/prometheus/node-exporter/http_filter.prom

# On this machine, not where a package is made of it.
here := $(if $(DESTDIR),,yes)
systemctl = $(if $(here),$(if $(wildcard /run/systemd/system),systemctl $(1),:),:)

.PHONY: install
# What was built, so that root needs no compilers.
install: $(if $(and $(wildcard $(build)/http_filter.ko),$(wildcard $(build)/filterctl),$(wildcard $(build)/man/filterctl.8)),,all) ## install it, for the running kernel or KVER=; keeps a configuration that is there
	install -D -m 755 $(build)/filterctl $(DESTDIR)$(sbindir)/filterctl
	install -D -m 644 $(build)/http_filter.ko $(DESTDIR)$(module)
	strip --strip-debug $(DESTDIR)$(module)
	$(if $(here),depmod $(KVER))
	@mkdir -p $(DESTDIR)$(unitdir)
	for unit in $(UNITS); do sed 's|@SBINDIR@|$(sbindir)|' dist/$$unit >$(DESTDIR)$(unitdir)/$$unit || exit; done
	install -D -m 644 dist/modprobe.conf $(DESTDIR)$(modprobe)
	install -D -m 644 -t $(DESTDIR)$(docdir) dist/http_filter.toml contrib/grafana/*.json contrib/prometheus/*.rules.yml
	install -D -m 644 -t $(DESTDIR)$(docdir)/schemas docs/schemas/*.json
	[ -e $(DESTDIR)$(config) ] || install -D -m 644 dist/http_filter.toml $(DESTDIR)$(config)
	for page in $(build)/man/*.8 man/*.[0-9]; do install -D -m 644 $$page $(share)/man/man$${page##*.}/$${page##*/} || exit; done
	install -D -m 644 $(build)/completions/filterctl.bash $(share)/bash-completion/completions/filterctl
	install -D -m 644 $(build)/completions/_filterctl $(share)/zsh/site-functions/_filterctl
	install -D -m 644 $(build)/completions/filterctl.fish $(share)/fish/vendor_completions.d/filterctl.fish
	$(call systemctl,daemon-reload)
	@echo "installed; look at $(config), then: systemctl enable --now http_filter"

.PHONY: uninstall
ifeq ($(origin KVER),command line)
uninstall:
	rm -f $(DESTDIR)$(module)
	$(if $(here),[ ! -d /lib/modules/$(KVER) ] || depmod $(KVER))
else
uninstall: ## stop it, and remove what install installed, but for an edited configuration; with KVER=, that kernel's module alone
	-$(call systemctl,disable --now http_filter.service http_filter-metrics.timer)
	-$(if $(here),! grep -q '^http_filter ' /proc/modules || rmmod http_filter)
	if cmp -s $(DESTDIR)$(docdir)/http_filter.toml $(DESTDIR)$(config); then rm $(DESTDIR)$(config); fi
	rm -f $(DESTDIR)$(sbindir)/filterctl $(UNITS:%=$(DESTDIR)$(unitdir)/%) $(DESTDIR)$(modprobe) $(DESTDIR)$(textfile)
	rm -f $(share)/man/man8/filterctl{,-*}.8 $(foreach page,$(wildcard man/*.[0-9]),$(share)/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(share)/{bash-completion/completions/filterctl,zsh/site-functions/_filterctl,fish/vendor_completions.d/filterctl.fish}
	rm -rf $(DESTDIR)$(docdir)
	for module in $(DESTDIR)/lib/modules/*/updates/http_filter.ko; do \
		[ -e $$module ] || continue; rm $$module; $(if $(here),kver=$${module#/lib/modules/}; depmod $${kver%%/*};) \
	done
	$(call systemctl,daemon-reload)
	@[ ! -e $(DESTDIR)$(config) ] || echo "kept $(config), which was edited: remove it yourself"
endif

.PHONY: clean
clean: ## remove what was built here
	rm -rf build target http_filter.ko filterctl

# What follows needs nothing but Debian 12 or 13, root and a network: it runs in
# the laboratory (tests/lab/lab), on a stock kernel in a virtual machine.
# KERNEL= takes another one (see tests/lab/lab): KERNEL=forky that of Debian forky instead of
# trixie-backports', KERNEL=uml one that is built for it.

.PHONY: lab-product
lab-product:
	@$(lab) run tests/lab/build

# The same, and what the tests run.
.PHONY: lab
lab:
	@$(lab) run tests/lab/build tests

.PHONY: vm
vm: lab-product ## boot the guest and run CMD='...' in it (a shell without); SHARE=DIR is /share there
	@$(lab) vm $(if $(value CMD),'$(subst ','\'',$(value CMD))')

.PHONY: demo
demo: lab-product ## see plaintext HTTP stop, in the guest
	@$(lab) vm 'exec python3 /src/tests/demo/demo.py'

.PHONY: recording
recording: ## record the demo anew: docs/demo.svg; needs termtosvg (pipx install termtosvg-ng)
	@tests/demo/record docs/demo.svg

.PHONY: peers
peers: lab ## send the catalogue of evasions to http_filter and its peers; write docs/evasion.md
	@$(lab) run 'tests/peers/build' >&2
	@$(lab) vm 'exec /src/tests/peers/measure' >build/peers || { grep -v '^{' build/peers >&2; exit 1; }
	@$(lab) run 'tests/peers/table.py build/peers docs/evasion.md'

.PHONY: servers
servers: lab-product ## ask real servers what they take for a request; write docs/servers.md
	@$(lab) run 'PYTHONDONTWRITEBYTECODE=1 tests/servers/table.py docs/servers.md build/$$KVER/filterctl'

.PHONY: test
test: ## run all tests; CORPUS=DIR adds labelled captures
	@tests/run

.PHONY: test-debug
test-debug: ## the guest's tests in two kernels built for it, which check memory, contexts, locks and RCU
	@tests/run debug

.PHONY: test-long
test-long: ## what takes longer: Debian's other kernels, the model's long scope, and the mutants
	@status=0; tests/run kernels || status=1; \
	$(MAKE) --no-print-directory lab && \
	$(lab) run 'cargo run --quiet --release --locked --package model long' || status=1; \
	$(lab) vm 'modprobe tun && insmod /src/build/$$(uname -r)/http_filter.ko log=0 && exec adversary agree --sequences 20000' || status=1; \
	tests/mutants/run || status=1; exit $$status

.PHONY: mutants
mutants: ## break each feature on purpose; show which test it fells
	@tests/mutants/run $(MUTANT)

.PHONY: fuzz
fuzz: ## fuzz the classifier and the capture reader, each target for SECONDS= (60); on the host, with cargo-fuzz
	@tests/fuzz $(or $(SECONDS),60)

# Each part also by itself. One after the other: nanoseconds are the machine's own.
.PHONY: bench
bench: ## what http_filter and its peers cost a packet and a transaction; writes bench/results/
	@$(MAKE) --no-print-directory bench-instructions
	@$(MAKE) --no-print-directory bench-connections
	@$(MAKE) --no-print-directory bench-nanoseconds

.PHONY: bench-instructions
bench-instructions: lab-product
	@$(lab) run bench/build
	@set -o pipefail; ICOUNT=1 $(lab) vm '/src/bench/measure && exec /src/bench/paths' | tee build/measured | grep -v '^{' >&2
	@$(lab) run 'build/$$KVER/packet-bench report build/measured bench/results'

.PHONY: bench-connections
bench-connections: lab-product
	@$(lab) run bench/build
	@set -o pipefail; ICOUNT=1 MEMORY=5G $(lab) vm 'exec /src/bench/connections 1 1000000' | tee build/measured-connections | grep -v '^{' >&2
	@$(lab) run 'build/$$KVER/packet-bench report build/measured-connections bench/results'

.PHONY: bench-nanoseconds
bench-nanoseconds:
	@$(MAKE) --no-print-directory KERNEL=uml lab-product
	@KERNEL=uml $(lab) run bench/build
	@set -o pipefail; KERNEL=uml $(lab) vm 'exec /src/bench/measure' | tee build/measured-nanoseconds | grep -v '^{' >&2
	@KERNEL=uml $(lab) run 'build/$$KVER/packet-bench report build/measured-nanoseconds bench/results'

.PHONY: bench-check
bench-check: lab-product ## does a packet cost more than bench/results/packets.json tells? a part of make test
	@$(lab) run bench/build
	@ICOUNT=1 $(lab) vm 'exec /src/bench/check'

.PHONY: measure
measure: ## what connections of other protocols lose, with and without the module: tables, in user-mode Linux
	@KERNEL=uml $(MAKE) --no-print-directory lab
	@KERNEL=uml $(lab) vm 'exec python3 /src/tests/bench/measure.py $(MEASURE)'

.PHONY: lint
lint: ## rustfmt, clippy, shellcheck
	@$(lab) run tests/lint

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18
