# SPDX-License-Identifier: GPL-2.0-or-later
# truesum: build, lab, tests. `make help` lists the targets. V=1 shows commands, SAN=1 adds
# ASan+UBSan.

VERSION   := 0.1.0
PREFIX    ?= /usr/local
BUILD     := build$(if $(SAN),/san)
CC        := gcc
CLANG     := clang
BPFTOOL   := $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
CPUS      := $(shell nproc)
# The machine that the program is for; another one's with CC=aarch64-linux-gnu-gcc.
MACHINE   := $(or $(shell $(CC) -dumpmachine 2>/dev/null),$(shell uname -m)-linux-gnu)
HARDENED_x86   := -fcf-protection
HARDENED_arm64 := -mbranch-protection=standard
ARCH      := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(firstword $(subst -, ,$(MACHINE)))))

PACKAGES_BUILD := gcc make pkg-config clang bpftool libbpf-dev libelf-dev libmnl-dev libnftables-dev \
		  libjansson-dev zlib1g-dev libzstd-dev libcap-ng-dev libseccomp-dev
PACKAGES_TEST  := patchelf git binutils libcmocka-dev bats netcat-openbsd tcpdump iproute2 ethtool nftables iptables conntrack procps time jq mandoc clang-format \
		  containernetworking-plugins busybox-static \
		  strace zsh fish lintian debhelper dpkg-dev fakeroot \
		  clang-tidy cppcheck shellcheck chromium libclang-rt-14-dev \
		  tshark zstd libpcap-dev qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu \
		  libc6-dev-s390x-cross

comma     := ,
SANFLAGS  := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
LIBS      := libbpf libmnl libnftables jansson zlib libzstd libcap-ng libseccomp
PKGCFLAGS  = $(shell $(PKG_CONFIG) --cflags $(LIBS))
PKGLIBS    = $(shell $(PKG_CONFIG) --libs $(LIBS))
CFLAGS    ?= -O2 -g
# What makes a bug in a parser harder to use; tests/lint reads the program and misses none of it. FORTIFY needs
# optimization, and the sanitizers do more than both. A packager's own FORTIFY stays.
FORTIFY   := $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDENED  := -fPIE -fstack-protector-strong $(HARDENED_$(ARCH)) $(if $(SAN),,$(if $(findstring \
	     -O0,$(CFLAGS)),,$(FORTIFY)))
LINKED    := -pie -Wl,-z,relro,-z,now,-z,noexecstack
# The folder that the program is built in shows nowhere in it.
PREFIXMAP := -ffile-prefix-map=$(CURDIR)=.
# Packages are built with compilers that know more warnings than this project's: WERROR=
WERROR    := -Werror
WARN      := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
ALLCFLAGS  = -std=gnu17 $(WARN) $(CPPFLAGS) $(CFLAGS) $(HARDENED) $(PREFIXMAP) $(PKGCFLAGS) -D_GNU_SOURCE -DTRUESUM_VERSION='"$(VERSION)"' \
	     -pthread -Isrc -I$(BUILD) $(SANFLAGS)
ALLLDFLAGS = $(LDFLAGS) $(LINKED) $(SANFLAGS)
# v3: 32-bit jumps, without which the verifier of Linux 6.1 loses track of ranges.
BPFFLAGS  := -O2 -g -target bpf -mcpu=v3 $(PREFIXMAP) -fdebug-compilation-dir=. -D__TARGET_ARCH_$(ARCH) -Wall $(WERROR) -Isrc \
	     -idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)

ifneq ($(V),1)
Q    := @
say   = @printf '  %-8s %s\n'
MAKEFLAGS += --no-print-directory
else
say   = @:
endif

SRCS  := $(wildcard src/*.c src/*/*.c src/*/*/*.c)
SRCS  := $(filter-out %.bpf.c,$(SRCS))
BPFS  := $(wildcard src/bpf/*.bpf.c)
SKELS := $(BPFS:src/bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
OBJS  := $(SRCS:src/%.c=$(BUILD)/obj/%.o)
PROG  := $(BUILD)/truesum
ONE   := $(BUILD)/onefile

.PHONY: help all deps deps-test lab test lint fuzz bench install uninstall clean
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# Packets and namespaces need root.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

help:
	@echo './bootstrap   lab or test: make lab or make test on a machine without make'
	@echo 'make lab      install what is missing, build, and run the experiment'
	@echo 'make test     install what is missing, build, and pass all checks and tests'
	@echo 'make          build $(PROG) (V=1: show commands; SAN=1: with ASan and UBSan)'
	@echo 'make check    quick: lint of what you changed, and the unit tests'
	@echo 'make lint     formatting, static analysis, shellcheck'
	@echo 'make fuzz     run the fuzzers for FUZZ_SECONDS each (default 60)'
	@echo 'make bench    measure sums, captures, mitigations and the lab, and quote the figures'
	@echo 'make mutants  60 faults put into the program at random: do the tests notice?'
	@echo 'make mass     ten million generated packets: no false alarm, nothing missed'
	@echo 'make attack   the probe, 200 times under each of a dozen attacks from a neighbour'
	@echo 'make kill     end each command by signals at random moments, KILLS times each (default 200)'
	@echo 'make kernel-lab  the lab on real kernels with and without the 2016 statement (docs/kernel.md)'
	@echo 'make bpf-matrix  every BPF object on the kernels of Debian 11 to sid'
	@echo 'make install  install program, man pages, completions and service under PREFIX ($(PREFIX))'
	@echo 'make uninstall  remove what make install has installed there'
	@echo 'make deb      build the Debian package, in build/deb'
	@echo 'make deb-suites  build and try the package in fresh Debian 12, 13 and sid, and cross-build it for arm64'
	@echo 'make onefile  one file that needs no library: $(BUILD)/onefile/truesum (docs/onefile.md)'
	@echo 'make man      update the parts of the man pages that come from tables: JSON keys, lists of names'
	@echo 'make clean    remove build/'

all: $(PROG)

$(PROG): $(OBJS)
	$(say) LINK $@
	$(Q)$(CC) $(ALLLDFLAGS) -pthread -o $@ $^ $(PKGLIBS) -lm

$(BUILD)/obj/%.o: src/%.c | $(SKELS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALLCFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bpf/%.bpf.o: src/bpf/%.bpf.c
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf >$@

# The style sheet of the lab's page as a C string.
$(BUILD)/gen/page_css.h: src/cmd/lab/page.css
	@mkdir -p $(@D)
	$(Q)printf '/* made from %s */\nstatic const char page_css[] =\n' $< >$@
	$(Q)sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $< >>$@ && echo ';' >>$@

$(BUILD)/obj/cmd/lab/page.o: $(BUILD)/gen/page_css.h

deps:
	$(Q)tools/install-packages $(PACKAGES_BUILD)

deps-test: deps
	$(Q)tools/install-packages $(PACKAGES_TEST)

# For ./bootstrap.
.PHONY: lab-packages test-packages
lab-packages:
	@echo $(PACKAGES_BUILD)
test-packages:
	@echo $(PACKAGES_BUILD) $(PACKAGES_TEST)

# A second make, after the packages are installed: make runs pkg-config while it reads the Makefile.
lab: deps
	$(Q)$(MAKE) -j$(CPUS) all
	$(Q)$(SUDO) $(PROG) lab

# lint runs at idle priority while the tests run, which often wait.
test: deps-test
	$(Q)$(MAKE) -j$(CPUS) all tests portable toolbox fuzzers $(if $(SAN),,$(ONE)/truesum)
	$(Q){ chrt --idle 0 tests/lint $(LINTFLAGS); echo "exit code $$?"; } 2>&1 | $(SUDO) tests/run $(BUILD) -

UNITS   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
# A thin archive of everything except main(): it refers to the objects instead of copying them.
PARTS   := $(BUILD)/truesum.a

$(PARTS): $(filter-out $(BUILD)/obj/main.o,$(OBJS))
	$(say) AR $@
	$(Q)rm -f $@ && ar qcsDT $@ $^

.PHONY: tests portable fuzzers
tests: $(UNITS)
fuzzers: $(FUZZERS)

$(BUILD)/unit/%.o: tests/unit/%.c | $(SKELS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALLCFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: $(BUILD)/unit/%.o $(PARTS)
	$(say) TEST $@
	$(Q)$(CC) $(ALLLDFLAGS) -pthread -o $@ $(filter %.o %.a,$^) $(PKGLIBS) -lcmocka -lm

# src/sum and src/packet for other processors too: little-endian arm64 and big-endian s390x under
# qemu-user.
PURE     := $(wildcard src/packet/*.c src/sum/*.c) $(addprefix src/base/,fail.c options.c term.c trace.c)
MACHINES := native aarch64 s390x
PORTABLE := $(foreach to,$(MACHINES),$(patsubst tests/portable/%.c,$(BUILD)/portable/$(to)/%,$(wildcard \
	    tests/portable/test_*.c)))
CC_native  := $(CC)
CC_aarch64 := aarch64-linux-gnu-gcc -static
CC_s390x   := s390x-linux-gnu-gcc -static
PORTABLE_CC = $(CC_$1) -std=gnu17 $(WARN) -O2 -g -D_GNU_SOURCE -Isrc -MMD -MP

portable: $(PORTABLE)

define portable_rules
$(BUILD)/portable/$1/obj/%.o: src/%.c
	@mkdir -p $$(@D)
	$$(say) CC '$$< $1'
	$$(Q)$(call PORTABLE_CC,$1) -c -o $$@ $$<

$(BUILD)/portable/$1/test_%: tests/portable/test_%.c $(PURE:src/%.c=$(BUILD)/portable/$1/obj/%.o)
	$$(say) TEST $$@
	$$(Q)$(call PORTABLE_CC,$1) -o $$@ $$(filter %.c %.o,$$^) -lm
endef
$(foreach machine,$(MACHINES),$(eval $(call portable_rules,$(machine))))

# Only the parsers, built with sanitizers and coverage.
FUZZED    := $(patsubst src/%.c,$(BUILD)/fuzz/obj/%.o,$(PURE) $(wildcard src/pcap/*.c src/diff/*.c) \
	     $(addprefix src/guard/,chain/text.c start/cni.c start/oci.c catalog.c policy.c) $(addprefix src/audit/,baseline.c facts.c) \
	     $(addprefix src/net/,device.c docker.c feature.c ledger.c link.c netfilter.c netns.c netns_search.c nl.c process.c route.c tc.c vxlan.c) \
	     $(addprefix src/base/,term.c array.c file.c privilege.c vocabulary.c))
FUZZ_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CC    = $(CLANG) -std=gnu17 -g -O1 -Wno-gnu-variable-sized-type-not-at-end -D_GNU_SOURCE -Isrc -pthread -MMD -MP $(FUZZ_SAN)

$(BUILD)/fuzz/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(say) CC '$< for fuzzers'
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer-no-link -c -o $@ $<

$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZED)
	$(say) FUZZ $@
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer -o $@ $(filter %.c %.o,$^) -ljansson -lmnl -lnftables -lz -lzstd -lcap-ng -lm

FUZZ_SECONDS ?= 60
fuzz: deps-test
	$(Q)$(MAKE) fuzzers
	$(Q)set -e; for fuzzer in $(FUZZERS); do \
		new=$$(mktemp -d); \
		$$fuzzer -max_total_time=$(FUZZ_SECONDS) $$new tests/fuzz/corpus/$${fuzzer##*/fuzz_}; \
		rm -r $$new; done

LINTFLAGS = $(filter-out -fsanitize% -fno-sanitize%,$(ALLCFLAGS))
.PHONY: check
check:
	$(Q)$(MAKE) -j$(CPUS) all tests
	$(Q)tests/lint --changed $(LINTFLAGS)
	$(Q)$(SUDO) tests/run --unit $(BUILD)

lint: $(SKELS) $(BUILD)/gen/page_css.h
	@echo "lint"
	$(Q)tests/lint $(LINTFLAGS)

# Programs for tests and measurements: a packet generator that shares no code with src/, programs
# that compare its packets with truesum's verdicts, and others.
GENERATOR := $(patsubst %,tests/tools/%.c,packets pieces headers transports hurt plain_sum)
TOOLBOX   := $(patsubst %,$(BUILD)/tools/%,generate mass layers limit libpcap_loop guard_load downpour mark swap attack bpf_load \
	     manual-lists)

.PHONY: toolbox mass
toolbox: $(TOOLBOX)

$(BUILD)/tools/generate: WITH = $(GENERATOR)
$(BUILD)/tools/mass: WITH = $(GENERATOR) $(PARTS) $(PKGLIBS)
$(BUILD)/tools/layers $(BUILD)/tools/limit $(BUILD)/tools/guard_load $(BUILD)/tools/mark $(BUILD)/tools/bpf_load: WITH = $(PARTS) $(PKGLIBS)
$(BUILD)/tools/libpcap_loop: WITH = $(PARTS) $(PKGLIBS) -lpcap
$(BUILD)/tools/manual-lists: tools/manual-lists.c $(PARTS)
	@mkdir -p $(@D)
	$(say) TOOL $@
	$(Q)$(CC) $(ALLCFLAGS) $(ALLLDFLAGS) -MMD -MP -o $@ $< $(PARTS) $(PKGLIBS) -lm
$(BUILD)/tools/%: tests/tools/%.c $(GENERATOR) tests/tools/packets.h tests/tools/plain_sum.h $(PARTS)
	@mkdir -p $(@D)
	$(say) TOOL $@
	$(Q)$(CC) $(ALLCFLAGS) $(ALLLDFLAGS) -o $@ $< $(WITH) -lm

# Static, for containers that contain nothing else.
$(BUILD)/tools/downpour: tests/tools/downpour.c
	@mkdir -p $(@D)
	$(say) TOOL $@
	$(Q)$(CC) -std=gnu17 $(WARN) -O2 -g -D_GNU_SOURCE -static -o $@ $<

# MUTANTS_FLAGS: tests/mutants says which.
.PHONY: mutants
mutants: deps-test
	$(Q)$(MAKE) -j$(CPUS) all tests toolbox
	$(Q)$(SUDO) tests/mutants $(MUTANTS_FLAGS)

mass: deps-test
	$(Q)$(MAKE) all toolbox
	$(Q)tests/mass $(PROG) $(BUILD)/tools

.PHONY: attack
attack: deps-test
	$(Q)$(MAKE) all toolbox
	$(Q)$(SUDO) tests/attack $(PROG) $(BUILD)/tools 200

# tests/net/kill.bats, as in make test, but more often.
KILLS ?= 200
.PHONY: kill
kill: deps-test
	$(Q)$(MAKE) all
	$(Q)$(SUDO) env TRUESUM=$(PROG) KILLS=$(KILLS) LC_ALL=C.UTF-8 bats --tap tests/net/kill.bats

BENCHES := $(patsubst tests/bench.d/%.c,$(BUILD)/bench/%,$(wildcard tests/bench.d/*_bench.c))

.PHONY: benches
benches: $(BENCHES)

$(BUILD)/bench/%: tests/bench.d/%.c $(PARTS)
	@mkdir -p $(@D)
	$(say) BENCH $@
	$(Q)$(CC) $(ALLCFLAGS) $(ALLLDFLAGS) -MMD -MP -o $@ $< $(PARTS) $(PKGLIBS) -lm

bench: deps-test
	$(Q)$(MAKE) all benches toolbox $(ONE)/truesum
	$(Q)$(BUILD)/bench/sum_bench
	$(Q)tests/bench.d/pcap_bench $(PROG) $(BUILD)/tools
	$(Q)$(SUDO) tests/bench.d/probe_bench $(PROG)
	$(Q)$(SUDO) $(PROG) guard cost
	$(Q)$(SUDO) tests/bench.d/guard_latency $(PROG) $(BUILD)/tools
	$(Q)$(SUDO) tests/bench.d/guard_starts $(PROG)
	$(Q)tests/bench.d/onefile_bench $(PROG) $(ONE)/truesum
	$(Q)$(SUDO) tests/bench $(PROG)

# tools/install has the list of files. UNITDIR and ZSHDIR are folders below PREFIX.
INSTALLER := DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' UNITDIR='$(UNITDIR)' ZSHDIR='$(ZSHDIR)' tools/install

install: all
	$(Q)$(INSTALLER) install $(PROG)

uninstall:
	$(Q)$(INSTALLER) uninstall $(PROG)

# The Debian package, in build/deb. DEBFLAGS: for dpkg-buildpackage.
PACKAGES_DEB := debhelper dpkg-dev fakeroot build-essential
.PHONY: deb deb-packages deb-suites
deb: deps
	$(Q)tools/install-packages $(PACKAGES_DEB)
	$(Q)tools/deb $(BUILD)/deb $(DEBFLAGS)
deb-packages:
	@echo $(PACKAGES_BUILD) $(PACKAGES_DEB)

# SUITES: which; SUITE:arm64 is cross-built. BEFORE: see tools/suites.
SUITES ?= bookworm trixie sid trixie:arm64
deb-suites:
	$(Q)tools/install-packages debootstrap
	$(Q)$(SUDO) env BEFORE=$(BEFORE) tools/suites $(BUILD)/suites $(SUITES)

.PHONY: man
man: $(PROG) $(BUILD)/tools/manual-lists
	$(Q)BUILD=$(BUILD) tools/manual --write

clean:
	$(Q)rm -rf build

-include $(OBJS:.o=.d) $(SKELS:.skel.h=.bpf.d)
-include $(UNITS:=.d) $(BENCHES:=.d) $(PORTABLE:=.d) $(FUZZERS:=.d) $(FUZZED:.o=.d)
-include $(foreach machine,$(MACHINES),$(PURE:src/%.c=$(BUILD)/portable/$(machine)/obj/%.d))

# ---- One file: docs/onefile.md and onefile/onefile.h ------------------------------------------
PACKAGES_ONEFILE := patchelf
ONEFLAGS := $(filter-out $(SANFLAGS),$(ALLCFLAGS)) -fno-builtin -Ionefile
ONELIBS  := -Wl,-Bstatic -lbpf -lelf -ljansson -lz -lzstd -lcap-ng -lseccomp -Wl,-Bdynamic -lmnl

.PHONY: onefile
onefile: deps
	$(Q)tools/install-packages $(PACKAGES_ONEFILE)
	$(Q)$(MAKE) -j$(CPUS) $(ONE)/truesum

$(ONE)/%.o: onefile/%.c onefile/onefile.h
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ONEFLAGS) -c -o $@ $<

$(ONE)/lazy.S: tools/onefile
	@mkdir -p $(@D)
	$(Q)CC='$(CC)' tools/onefile lazy >$@

$(ONE)/linked: $(OBJS) $(ONE)/memory.o $(ONE)/lazy.o $(ONE)/lazy.S
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(LINKED) -pthread -s -o $@ $^ $(ONELIBS)

$(ONE)/parts.S: $(ONE)/linked tools/onefile
	$(Q)CC='$(CC)' tools/onefile parts $< $(ONE)/program >$@

$(ONE)/truesum: $(ONE)/launcher.o $(ONE)/memory.o $(ONE)/parts.S
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(filter-out -pie,$(LINKED)) -static-pie -s -o $@ $^

# ---- Real kernels: kernel/ and docs/kernel.md --------------------------------------------------
PACKAGES_KERNEL  := qemu-system-x86 kmod gcc-12 make patch xz-utils jq netcat-openbsd tcpdump iproute2 ethtool nftables
KERNEL_LAB_FLAGS ?=

.PHONY: kernel-lab kernel-lab-packages
kernel-lab: deps
	$(Q)tools/install-packages $(PACKAGES_KERNEL)
	$(Q)$(MAKE) all
	$(Q)kernel/lab --truesum $(PROG) $(KERNEL_LAB_FLAGS)

# Loads every BPF object on the kernels that Debian ships: a guest of 15 s each.
.PHONY: bpf-matrix
bpf-matrix: deps
	$(Q)tools/install-packages $(PACKAGES_KERNEL) busybox-static zstd
	$(Q)$(MAKE) all $(BUILD)/tools/bpf_load
	$(Q)$(SUDO) kernel/bpf-matrix --truesum $(PROG) --loader $(BUILD)/tools/bpf_load

kernel-lab-packages:
	@echo $(PACKAGES_KERNEL)
