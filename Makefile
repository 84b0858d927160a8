# SPDX-License-Identifier: GPL-2.0-or-later
# Builds, tests and installs hostgate; `make help` lists what it can do.

VERSION = 0.1.0

# Where things go.
PREFIX = /usr/local
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/hostgate
BASHCOMPDIR = $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR = $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR = $(PREFIX)/share/fish/vendor_completions.d
DESTDIR =

# Tools. Debian's make sets CC to cc.
CC = cc
AR = ar
INSTALL = install
PKG_CONFIG = pkg-config
BUILD = build
JOBS = $(shell nproc 2>/dev/null || echo 1)

# Nothing below runs a tool while the file is read: a fresh machine has neither compiler nor
# pkg-config until contrib/install-deps ran. A value made by $(call once,...) is found at its
# first use and then kept.
once = $(eval $(1) := $(2))$($(1))
has_flag = $(if $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo y),$(1))
pkg = $(shell $(PKG_CONFIG) $(1) 2>/dev/null || echo -DMISSING_LIBRARY__run_contrib_install-deps)

STOREYS = core kernel program

# --- flags -----------------------------------------------------------------------------------

OPTIMISE = -O2 -g
FORTIFY = $(call once,FORTIFY,$(shell \
	printf '__GNUC__ __clang_major__\n' | $(CC) -E -P - 2>/dev/null | \
	awk '$$1 >= 12 || $$2 ~ /^[0-9]/ && $$2 >= 12 { three = 1 } \
	     END { print "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=" (three ? 3 : 2) }'))
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wundef -Wcast-qual -Wvla -Wswitch-enum \
	-Wimplicit-fallthrough $(if $(filter 1,$(WERROR)),-Werror)
HARDEN = $(call once,HARDEN,-fstack-protector-strong \
	$(call has_flag,-fstack-clash-protection) $(call has_flag,-fcf-protection) $(FORTIFY))
HARDEN_LD = -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
INSTRUMENT =
CPPFLAGS =
CFLAGS =
LDFLAGS =

HG_CPPFLAGS = -Iinclude $(STOREYS:%=-iquote src/%) -iquote $(BUILD) -D_GNU_SOURCE -DHOSTGATE_VERSION='"$(VERSION)"'
HG_CFLAGS = -std=gnu11 -fPIE $(OPTIMISE) $(WARNINGS) $(HARDEN) $(INSTRUMENT)
COMPILE = $(CC) $(HG_CPPFLAGS) $(CPPFLAGS) $(HG_CFLAGS) $(CFLAGS) $(MODULE_CFLAGS) -MMD -MP -c
LINK = $(CC) -pie $(OPTIMISE) $(INSTRUMENT) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS)

YAML_CFLAGS = $(call once,YAML_CFLAGS,$(call pkg,--cflags yaml-0.1))
YAML_LIBS = $(call once,YAML_LIBS,$(call pkg,--libs yaml-0.1))
KERNEL_CFLAGS = $(call once,KERNEL_CFLAGS,$(call pkg,--cflags libmnl libnftnl libnetfilter_conntrack libip4tc libip6tc jansson))
KERNEL_LIBS = $(call once,KERNEL_LIBS,$(call pkg,--libs libnftnl libnetfilter_conntrack libmnl libip4tc libip6tc jansson))
PROGRAM_CFLAGS = $(call once,PROGRAM_CFLAGS,$(call pkg,--cflags jansson nettle))
PROGRAM_LIBS = $(call once,PROGRAM_LIBS,$(call pkg,--libs nettle))
CMOCKA_CFLAGS = $(call once,CMOCKA_CFLAGS,$(call pkg,--cflags cmocka))
CMOCKA_LIBS = $(call once,CMOCKA_LIBS,$(call pkg,--libs cmocka))

# --- what there is ---------------------------------------------------------------------------

# Three storeys of rooms; the core is pure code in a library of its own.
CORE_SRC := $(wildcard src/core/*/*.c)
KERNEL_SRC := $(wildcard src/kernel/*/*.c)
PROGRAM_SRC := $(wildcard src/program/*/*.c)
CORE_OBJ = $(CORE_SRC:%.c=$(BUILD)/%.o)
KERNEL_OBJ = $(KERNEL_SRC:%.c=$(BUILD)/%.o)
PROGRAM_OBJ = $(PROGRAM_SRC:%.c=$(BUILD)/%.o)
CORE = $(BUILD)/libhostgate-core.a
PROGRAM = $(BUILD)/hostgate

# Every file of tests/unit with a main() is a program; the others belong to each of them. Programs
# named kernel_* also get the kernel layer, all others the core alone.
UNIT_SRC := $(wildcard tests/unit/*.c tests/property/*.c)
UNIT_MAIN := $(if $(UNIT_SRC),$(shell grep -lE '^int main.(void|int)' $(UNIT_SRC)))
UNIT_HELPER_OBJ = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(UNIT_MAIN),$(UNIT_SRC)))
UNIT_OBJ = $(UNIT_SRC:%.c=$(BUILD)/%.o)
UNIT_PROGRAMS = $(UNIT_MAIN:%.c=$(BUILD)/%)
UNIT_CORE = $(filter-out $(UNIT_KERNEL),$(UNIT_PROGRAMS))
UNIT_GOLDEN = $(filter $(BUILD)/tests/unit/test_golden_%,$(UNIT_PROGRAMS))
UNIT_KERNEL = $(filter $(BUILD)/tests/unit/kernel_%,$(UNIT_PROGRAMS))
# What takes long comes first: the others then run beside it.
LONG = tests/netns/run.py tests/oracle/run.py tests/prove/run.py tests/memory/run.py
SUITES := $(LONG) $(filter-out $(LONG),$(wildcard tests/*.sh tests/*/run tests/*/run.sh tests/*/run.py))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_SECONDS = 60

# The program with deliberate faults in its rules: what prove must find.
MUTANT = $(BUILD)/hostgate-mutant
MUTANT_OBJ = $(BUILD)/tests/prove/mutate.o

# Copy the rules of their namespace into another one, or all else that prove copies.
MIRROR = $(BUILD)/tests/prove/mirror
HOST = $(BUILD)/tests/prove/host

GENERATE = $(BUILD)/contrib/generate
GENERATED = man/hostgate.8 man/hostgate.yaml.5 completions/hostgate.bash completions/_hostgate \
	completions/hostgate.fish

ALL_OBJ = $(CORE_OBJ) $(KERNEL_OBJ) $(PROGRAM_OBJ) $(UNIT_OBJ) $(GENERATE).o $(MUTANT_OBJ) $(MIRROR).o $(HOST).o

# --- building --------------------------------------------------------------------------------

.PHONY: all
all: $(PROGRAM) $(CORE)

# Objects are made anew when the flags change. pkg-config's answers are left out: asking for them
# here would ask on every run.
FLAGS_NOW = $(CC) $(HG_CPPFLAGS) $(CPPFLAGS) $(OPTIMISE) $(WARNINGS) $(INSTRUMENT) $(CFLAGS) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$(subst ",\",$(FLAGS_NOW))" | cmp -s - $@ || \
		printf '%s\n' "$(subst ",\",$(FLAGS_NOW))" > $@
.PHONY: FORCE
FORCE:

$(CORE_OBJ): MODULE_CFLAGS = $(YAML_CFLAGS)
$(KERNEL_OBJ): MODULE_CFLAGS = $(KERNEL_CFLAGS)
$(PROGRAM_OBJ): MODULE_CFLAGS = $(PROGRAM_CFLAGS)
$(UNIT_OBJ): MODULE_CFLAGS = $(CMOCKA_CFLAGS)
$(UNIT_KERNEL:%=%.o): MODULE_CFLAGS = $(CMOCKA_CFLAGS) $(KERNEL_CFLAGS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(COMPILE) -o $@ $<

# The functions of the printed scripts, which shellcheck reads where they are written.
$(BUILD)/script_parts.h: src/core/print/script.sh contrib/embed.awk
	@mkdir -p $(@D)
	@awk -f contrib/embed.awk $< > $@.new && mv $@.new $@
$(BUILD)/src/core/print/print_iptables.o: $(BUILD)/script_parts.h

$(CORE): $(CORE_OBJ)
	@echo "  AR    $@"
	@rm -f $@
	@$(AR) rcs $@ $^

$(PROGRAM): $(PROGRAM_OBJ) $(KERNEL_OBJ) $(CORE)
	@echo "  LD    $@"
	@$(LINK) -o $@ $^ $(KERNEL_LIBS) $(PROGRAM_LIBS) $(YAML_LIBS)

$(MUTANT): $(MUTANT_OBJ) $(PROGRAM_OBJ) $(KERNEL_OBJ) $(CORE)
	@echo "  LD    $@"
	@$(LINK) -Wl,--wrap=plan_ruleset -o $@ $^ $(KERNEL_LIBS) $(PROGRAM_LIBS) $(YAML_LIBS)

$(MIRROR) $(HOST): %: %.o $(KERNEL_OBJ) $(CORE)
	@echo "  LD    $@"
	@$(LINK) -o $@ $^ $(KERNEL_LIBS) $(YAML_LIBS)

$(UNIT_CORE): %: %.o $(UNIT_HELPER_OBJ) $(CORE)
	@echo "  LD    $@"
	@$(LINK) -o $@ $^ $(CMOCKA_LIBS) $(YAML_LIBS)

$(UNIT_KERNEL): %: %.o $(UNIT_HELPER_OBJ) $(KERNEL_OBJ) $(CORE)
	@echo "  LD    $@"
	@$(LINK) -o $@ $^ $(CMOCKA_LIBS) $(KERNEL_LIBS) $(YAML_LIBS)

# Fills in the tables of the man pages and writes the completions, from the tables of the program.
$(GENERATE): $(GENERATE).o $(BUILD)/src/program/cli/options.o $(CORE)
	@echo "  LD    $@"
	@$(LINK) -o $@ $^ $(YAML_LIBS)

.PHONY: generate
generate: $(GENERATE)
	@for f in $(GENERATED); do \
		$(GENERATE) $$f > $(BUILD)/generated && cmp -s $(BUILD)/generated $$f || \
		{ cat $(BUILD)/generated > $$f && echo "$$f"; } || exit 1; done

# --- testing ---------------------------------------------------------------------------------

.PHONY: deps
deps:
	@contrib/install-deps

.PHONY: test
test: deps
	@+$(MAKE) --no-print-directory -j$(JOBS) test-programs
	@MAKEFLAGS= HOSTGATE="$(CURDIR)/$(PROGRAM)" contrib/run-tests $(SUITES) $(UNIT_PROGRAMS)

# For the inner loop: every promise with both backends, and what needs no kernel.
.PHONY: check
check: deps
	@+$(MAKE) --no-print-directory -j$(JOBS) test-programs
	@MAKEFLAGS= HOSTGATE="$(CURDIR)/$(PROGRAM)" contrib/run-tests "tests/netns/run.py --check" \
		"tests/oracle/run.py -n 4 -k random" tests/golden/run.py $(UNIT_PROGRAMS)

.PHONY: lint
lint: deps
	@contrib/run-tests tests/lint/run.py

.PHONY: test-programs
test-programs: all $(UNIT_PROGRAMS) $(GENERATE) $(MUTANT) $(MIRROR) $(HOST)

.PHONY: unit
unit: $(UNIT_PROGRAMS)
	@contrib/run-tests $(UNIT_PROGRAMS)

.PHONY: demo
demo: deps
	@+$(MAKE) --no-print-directory -j$(JOBS) all
	@HOSTGATE="$(CURDIR)/$(PROGRAM)" contrib/demo

.PHONY: check-layers
check-layers: all
	@CC="$(CC)" contrib/check-layers . --objects $(BUILD) --library $(CORE) $(YAML_LIBS)

.PHONY: figures
figures:
	@contrib/figures

.PHONY: golden-update
golden-update: all $(UNIT_GOLDEN)
	@for p in $(UNIT_GOLDEN) tests/golden/run.py; do \
		GOLDEN_UPDATE=1 HOSTGATE="$(CURDIR)/$(PROGRAM)" $$p || exit 1; done
	@git --no-pager diff -- tests/golden

.PHONY: asan
asan:
	@+ASAN_OPTIONS=detect_stack_use_after_return=1 $(MAKE) --no-print-directory -j$(JOBS) unit \
		BUILD=build/asan OPTIMISE='-O1 -g' FORTIFY= \
		INSTRUMENT='-fsanitize=address -fno-omit-frame-pointer'

.PHONY: ubsan
ubsan:
	@+UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) --no-print-directory -j$(JOBS) unit \
		BUILD=build/ubsan OPTIMISE='-O1 -g' FORTIFY= \
		INSTRUMENT='-fsanitize=undefined -fno-sanitize-recover=all'

.PHONY: analyze
analyze:
	@+$(MAKE) --no-print-directory -j$(JOBS) all BUILD=build/analyze WERROR=1 CC=gcc \
		INSTRUMENT=-fanalyzer

.PHONY: tidy
tidy: $(BUILD)/script_parts.h
	@clang-tidy --quiet --warnings-as-errors='*' \
		--checks='-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' \
		$(CORE_SRC) $(KERNEL_SRC) $(PROGRAM_SRC) -- -std=gnu11 $(HG_CPPFLAGS) \
		$(YAML_CFLAGS) $(KERNEL_CFLAGS) $(PROGRAM_CFLAGS)

.PHONY: fuzz
fuzz:
	@command -v clang >/dev/null || { echo "make fuzz needs clang"; exit 1; }
	@+$(MAKE) --no-print-directory -j$(JOBS) run-fuzz BUILD=build/fuzz CC=clang \
		OPTIMISE='-O1 -g' FORTIFY= INSTRUMENT=-fsanitize=fuzzer-no-link,address,undefined

.PHONY: run-fuzz
run-fuzz: $(FUZZERS:%=$(BUILD)/tests/fuzz/%.o) $(CORE)
	@for f in $(FUZZERS); do \
		$(LINK) -fsanitize=fuzzer -o $(BUILD)/$$f $(BUILD)/tests/fuzz/$$f.o $(CORE) $(YAML_LIBS) && \
		mkdir -p $(BUILD)/corpus/$$f && cp examples/*.yaml $(BUILD)/corpus/$$f && \
		$(BUILD)/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -verbosity=0 \
			-artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$$f && echo "$$f: nothing found" || exit 1; done

.PHONY: coverage
coverage:
	@rm -rf build/coverage
	@+$(MAKE) --no-print-directory -j$(JOBS) unit all BUILD=build/coverage OPTIMISE='-O0 -g' FORTIFY= \
		INSTRUMENT=--coverage
	@for suite in $(wildcard tests/golden/run.py tests/cli/run.py); do \
		HOSTGATE=$(CURDIR)/build/coverage/hostgate $$suite | tail -n 1; done
	@for f in $(CORE_SRC) $(KERNEL_SRC) $(PROGRAM_SRC); do \
		gcov -n build/coverage/$${f%.c}.o 2>/dev/null | \
		awk -v f=$$f '$$1 == "File" { mine = ($$0 ~ f) } mine && /^Lines/ { sub(/Lines executed:/, ""); \
			printf "%-36s %s\n", f, $$0; mine = 0 }'; done

# --- installing ------------------------------------------------------------------------------

.PHONY: install
install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(BASHCOMPDIR) $(DESTDIR)$(ZSHCOMPDIR) $(DESTDIR)$(FISHCOMPDIR) \
		$(DESTDIR)$(DOCDIR)/examples
	$(INSTALL) -m 755 $(PROGRAM) $(DESTDIR)$(SBINDIR)/hostgate
	$(INSTALL) -m 644 man/hostgate.8 $(DESTDIR)$(MANDIR)/man8/hostgate.8
	$(INSTALL) -m 644 man/hostgate.yaml.5 $(DESTDIR)$(MANDIR)/man5/hostgate.yaml.5
	$(INSTALL) -m 644 completions/hostgate.bash $(DESTDIR)$(BASHCOMPDIR)/hostgate
	$(INSTALL) -m 644 completions/_hostgate $(DESTDIR)$(ZSHCOMPDIR)/_hostgate
	$(INSTALL) -m 644 completions/hostgate.fish $(DESTDIR)$(FISHCOMPDIR)/hostgate.fish
	$(INSTALL) -m 644 examples/*.yaml $(DESTDIR)$(DOCDIR)/examples/

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/hostgate $(DESTDIR)$(MANDIR)/man8/hostgate.8 \
		$(DESTDIR)$(MANDIR)/man5/hostgate.yaml.5 $(DESTDIR)$(BASHCOMPDIR)/hostgate \
		$(DESTDIR)$(ZSHCOMPDIR)/_hostgate $(DESTDIR)$(FISHCOMPDIR)/hostgate.fish
	rm -rf $(DESTDIR)$(DOCDIR)

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@echo 'make               build $(PROGRAM)'
	@echo 'make demo          show what it does, in network namespaces of its own (root)'
	@echo 'make test          install what is missing for it, build, run every test'
	@echo 'make check         a minute of them: every promise with both backends, and what needs no kernel'
	@echo 'make lint          cppcheck, clang-tidy, shellcheck; a part of make test'
	@echo 'make install       DESTDIR, PREFIX=$(PREFIX), MANDIR=$(MANDIR); uninstall takes it out'
	@echo 'make unit          the unit tests alone; asan, ubsan: the same with a sanitizer'
	@echo 'make check-layers  nothing includes or calls a higher room, the core stays pure'
	@echo 'make figures       rooms, lines, long functions'
	@echo 'make analyze       gcc -fanalyzer; tidy: the analyzer of clang-tidy'
	@echo 'make fuzz          libFuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS) a fuzzer'
	@echo 'make coverage      lines that unit and golden tests run, a file a line'
	@echo 'make generate      tables of man pages and the completions, from the program'"'"'s tables'
	@echo 'make golden-update expected outputs anew; look at the diff'
	@echo 'make clean         delete build/'
	@echo 'WERROR=1           a warning is an error'

-include $(ALL_OBJ:.o=.d)
