# hyperdrift: `make help` lists the targets. What is built:
#
#   build/<hash>/...   one folder for each compiler and set of flags, so that CC=clang, SANITIZE=address,
#                      CFLAGS=... live beside each other and no object ever has the wrong flags
#   build/hyperdrift, build/test-engines, build/test-harness   links into the folder built last
#   build/hyperdrift-faults   the program with faults to plant (`make faults`)
#   build/bench-history       measures what a history costs (`make bench`)
#   build/simulate-nights     tests the search for changes on simulated nights (`make nightly-sim`)
#
# Variables to set:  CC CFLAGS CPPFLAGS LDFLAGS  as everywhere   WERROR=1  warnings are errors   V=1  show commands
#   SANITIZE=address|undefined   BUILD=folder   PREFIX DESTDIR   BLIS_CFLAGS BLIS_LIBS   JOBS
#   DEPS=folder  takes the libraries from there (scripts/pack-deps), not from the system
#   CUDA=0  builds without the CUDA device   CUDA=emulated  with one that runs on the host, for tests
#   NVCC=path   CUDA_ARCHS="75 80 86 89 90"  for a release (default: 80, 90 and PTX)

MAKEFLAGS += --no-builtin-rules
VERSION := 0.1.0
PREFIX ?= /usr/local
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CFLAGS ?= -O2 -g
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif

# ---- compiler and flags ----

machine := $(shell $(CC) -dumpmachine 2>/dev/null)
multiarch := $(shell $(CC) -print-multiarch 2>/dev/null)
ifeq ($(multiarch),) # clang before 15 lacks the option
multiarch := $(subst -pc-,-,$(machine))
endif
compiler := $(shell $(CC) --version 2>/dev/null | head -n 1)

# An rpath of the old kind finds the packed libraries at run time, and also those that they need.
usr := $(if $(DEPS),$(abspath $(DEPS)))/usr
ifneq ($(DEPS),)
$(if $(wildcard $(usr)/include),,$(error DEPS=$(DEPS): no $(usr)/include there (scripts/pack-deps makes it)))
deps_cppflags := -isystem $(usr)/include -isystem $(usr)/include/$(multiarch)
deps_ldflags := -L$(usr)/lib/$(multiarch) -Wl,--disable-new-dtags,-rpath,$(usr)/lib/$(multiarch)
endif

# We link BLIS by its file: at run time Debian's alternatives choose what the shared library's name means, and the results' bits must
# not depend on that.
blis_archive := $(wildcard $(usr)/lib/$(multiarch)/blis-serial/libblis.a)
BLIS_CFLAGS ?= -isystem $(usr)/include/$(multiarch)/blis-serial
BLIS_LIBS ?= $(or $(blis_archive),-lblis)

warnings := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
sanitizer_undefined := -fsanitize=undefined,float-cast-overflow
sanitizer_address := -fsanitize=address
sanitizers := $(if $(SANITIZE),$(or $(sanitizer_$(SANITIZE)),$(error SANITIZE=$(SANITIZE): not one of address, \
    undefined)) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# The language's flags come after CFLAGS, so that no CFLAGS can loosen the arithmetic.
hd_cflags := $(CFLAGS) -std=gnu11 -ffp-contract=off -fno-fast-math -fopenmp $(warnings) $(sanitizers)
hd_cppflags := -D_GNU_SOURCE -Iengines -Iharness $(BLIS_CFLAGS) $(deps_cppflags) $(CPPFLAGS)
hd_ldflags := -fopenmp $(sanitizers) $(deps_ldflags) $(LDFLAGS)
libs := $(BLIS_LIBS) -ljansson -linih -lz -lcrypto -lxxhash -lsqlite3 -lm -lpthread
test_libs := -lcriterion -lmpfr -lgmp

# The hot loops are compiled for several instruction sets; the program picks one when it starts.
loops := baseline
loops_baseline := -O3 -DHD_LOOPS=baseline
ifneq ($(filter x86_64-%,$(machine)),)
loops += avx2 avx512
loops_avx2 := -O3 -march=haswell -mtune=generic -DHD_LOOPS=avx2
loops_avx512 := -O3 -march=skylake-avx512 -mprefer-vector-width=512 -DHD_LOOPS=avx512
endif

# The CUDA device: real if nvcc and its static runtime are there; else device/cuda/absent.c stands in for it. The emulated one is the
# same source through the C++ compiler, over a runtime that does on the host what a GPU would do; with CUDA=ptx its kernels are nvcc's
# PTX for compute_$(PTX_ARCH), an instruction a C statement.
CUDA ?= 1
ifneq ($(SANITIZE),) # sanitizers fit neither the emulation's fibers nor nvcc's code
CUDA := 0
endif
CUDA_ARCHS ?= 80 90
PTX_ARCH ?= 80
newest_arch := $(shell printf '%s\n' $(CUDA_ARCHS) | sort -V | tail -n 1)
nvcc_language := -std=c++17 -O3 --fmad=false -Xcompiler -ffp-contract=off -Xcompiler -Wall -Iengines
NVCC ?= $(firstword $(wildcard $(shell command -v nvcc 2>/dev/null) /usr/local/cuda/bin/nvcc))
cuda_library := $(firstword $(wildcard $(foreach d,lib64 lib,$(dir $(realpath $(NVCC)))../$d/libcudart_static.a)))
cuda := absent
ifneq ($(filter emulated ptx,$(CUDA)),)
cuda := $(CUDA)
cuda_libs := -lstdc++
cuda_compiler := $(CXX)
cuda_flags := $(CFLAGS) -std=c++17 -ffp-contract=off -fno-fast-math -Wall -Wextra $(if $(WERROR),-Werror) -Wno-unknown-pragmas \
    -Iengines/test/emulated -Iengines -DHD_CUDA_BUILD='"emulated"' -x c++
ifeq ($(CUDA),ptx)
$(if $(NVCC),,$(error CUDA=ptx: no nvcc here (NVCC=path)))
$(if $(filter compute_$(PTX_ARCH),$(shell $(NVCC) --list-gpu-arch)),,$(error PTX_ARCH=$(PTX_ARCH): $(NVCC) does not know compute_$(PTX_ARCH)))
cuda_flags += -DHD_EMULATED_PTX -DHD_PTX_ARCH=$(PTX_ARCH)
endif
else ifneq ($(and $(filter-out 0,$(CUDA)),$(NVCC),$(cuda_library)),)
cuda := real
cuda_libs := $(cuda_library) -lstdc++ -ldl -lrt
cuda_compiler := $(NVCC)
cuda_version := $(shell $(NVCC) --version 2>/dev/null | sed -nE 's/.*release ([0-9.]+).*/\1/p')
comma := ,
cuda_flags := $(nvcc_language) \
    $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$a,code=sm_$a) -gencode arch=compute_$(newest_arch),code=compute_$(newest_arch) \
    -DHD_CUDA_BUILD='"CUDA $(cuda_version), sm_$(subst $() $(),$(comma)sm_,$(strip $(CUDA_ARCHS)))"'
endif
libs += $(cuda_libs)

flags := $(strip $(hd_cppflags) $(hd_cflags))
everything := $(cuda) $(cuda_compiler) $(cuda_flags) $(compiler) $(CC) $(flags) $(foreach l,$(loops),$(loops_$l)) $(hd_ldflags) $(libs) $(test_libs)
hash := $(shell printf '%s' '$(subst ','\'',$(everything))' | sha256sum | cut -c 1-10)
out := $(BUILD)/$(hash)

# ---- sources and objects ----

cpu_loops := engines/device/cpu/loops.c
cuda_source := engines/device/cuda/cuda.cu
# A room is a folder of sources with its own test/; faults/, simulation/ and bench/ belong to other programs.
rooms = $(sort $(filter-out $1/faults/% $1/test/%,$(foreach d,$(filter-out %/test %/simulation %/bench,$(shell find $1 -type d)),$(wildcard $d/*.c))))
engines := $(filter-out $(cpu_loops) $(if $(filter-out absent,$(cuda)),engines/device/cuda/absent.c),$(call rooms,engines))
harness := $(call rooms,harness)
engine_tests := $(filter-out engines/test/emulated/% engines/test/ptx/%,$(sort $(shell find engines -path '*/test/*.c')))
harness_tests := $(sort $(shell find harness -path '*/test/*.c'))
# Planted faults are linked over the program's own objects: the linker wraps each function that has a __real_ there.
faults := $(sort $(wildcard engines/faults/*.c harness/faults/*.c))
wrapped := $(sort $(patsubst __real_%,%,$(shell grep -oh '__real_hd_[a-z0-9_]*' $(faults))))
simulation := $(sort $(wildcard harness/statistics/simulation/*.c))
benches := $(sort $(wildcard harness/history/bench/*.c))
sources := $(engines) $(cpu_loops) $(harness) $(engine_tests) $(harness_tests) $(faults) $(simulation) $(benches)
headers := $(sort $(shell find engines harness -name "*.h" -o -name "*.cuh"))

loop_objects := $(if $(cpu_loops),$(loops:%=$(out)/engines/device/cpu/loops_%.o))
cuda_objects := $(if $(filter-out absent,$(cuda)),$(out)/engines/device/cuda/cuda.o)
emulation_objects := $(if $(filter emulated ptx,$(cuda)),$(out)/engines/test/emulated/shadow.o)
ptx_kernels := $(if $(filter ptx,$(cuda)),$(out)/ptx/kernels.o)
engine_objects := $(engines:%.c=$(out)/%.o) $(loop_objects) $(cuda_objects) $(emulation_objects) $(ptx_kernels)
harness_objects := $(harness:%.c=$(out)/%.o)
engine_test_objects := $(engine_tests:%.c=$(out)/%.o)
ptx_translator := $(out)/ptx_translator
# nvcc's output for the kernels, which a test reads: with the program's flags, and without --fmad=false.
# Two compilers are inside of nvcc: for GPUs before and from 10.0 on.
ptx_archs := $(if $(and $(filter-out absent,$(cuda)),$(NVCC),$(cuda_library)),$(filter 80 100,$(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch))))
ptx_folder := $(out)/engines/device/cuda/test
ptx := $(ptx_archs:%=$(ptx_folder)/cuda_%.ptx) $(if $(ptx_archs),$(ptx_folder)/cuda_contracted.ptx)
harness_test_objects := $(harness_tests:%.c=$(out)/%.o)
fault_objects := $(faults:%.c=$(out)/%.o)
simulation_objects := $(simulation:%.c=$(out)/%.o)
bench_objects := $(benches:%.c=$(out)/%.o)
objects := $(engine_objects) $(harness_objects) $(engine_test_objects) $(harness_test_objects) $(fault_objects) $(simulation_objects) $(bench_objects)

programs := hyperdrift hyperdrift-faults simulate-nights bench-history test-engines test-harness
hyperdrift_objects := $(engine_objects) $(harness_objects)
hyperdrift-faults_objects := $(hyperdrift_objects) $(fault_objects)
hyperdrift-faults_libs := $(wrapped:%=-Wl,--wrap=%)
test-engines_objects := $(engine_objects) $(engine_test_objects)
without_main := $(filter-out $(out)/harness/main.o,$(hyperdrift_objects))
simulate-nights_objects := $(without_main) $(simulation_objects)
bench-history_objects := $(without_main) $(bench_objects)
test-harness_objects := $(without_main) $(harness_test_objects)
test-engines_libs := $(test_libs)
test-harness_libs := $(test_libs)

quiet := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)')
replace_if_changed = @if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

build: hyperdrift ## build the program, build/hyperdrift (the default)

tests: $(programs) ## build the program and its tests, build/test-engines and build/test-harness

libraries: ## check that all libraries are there, including those of the tests
	$(quiet)printf '\043include <%s>\n' blis.h jansson.h ini.h zlib.h openssl/sha.h criterion/criterion.h mpfr.h xxhash.h sqlite3.h | \
	    sed '$$a int main(void) { return 0; }' | $(CC) $(hd_cppflags) -x c - -x none -o /dev/null $(hd_ldflags) $(test_libs) $(libs)

$(programs): %: $(out)/%
	@ln -sfn $(hash)/$@ $(BUILD)/$@

.SECONDEXPANSION:
$(programs:%=$(out)/%): $(out)/%: $$($$*_objects) $(out)/%.objects
	$(call say,LD,$@)
	$(quiet)$(CC) $(hd_ldflags) -o $@ $($*_objects) $($*_libs) $(libs)

$(loop_objects): $(out)/engines/device/cpu/loops_%.o: $(cpu_loops)
	$(call say,CC,$< ($*))
	$(quiet)mkdir -p $(@D)
	$(quiet)$(CC) $(flags) $(loops_$*) -I$(out) -MMD -MP -c -o $@ $<

$(cuda_objects): $(out)/%.o: %.cu
	$(call say,CUDA,$< ($(cuda)))
	$(quiet)mkdir -p $(@D)
	$(quiet)$(cuda_compiler) $(cuda_flags) -MMD -MP -c -o $@ $<

$(ptx): ptx_language = $(if $(findstring contracted,$@),$(filter-out --fmad=false,$(nvcc_language)),$(nvcc_language))
$(ptx): ptx_arch = $(if $(findstring contracted,$@),$(firstword $(ptx_archs)),$(patsubst cuda_%.ptx,%,$(@F)))
$(ptx): $(cuda_source) engines/test/named_fma.h $(shell find engines -name '*.cuh' -o -name '*.h')
	$(call say,NVCC,$< ($(@F)))
	$(quiet)mkdir -p $(@D)
	$(quiet)$(NVCC) $(ptx_language) -arch=compute_$(ptx_arch) -DHD_CUDA_BUILD='""' -include engines/test/named_fma.h -ptx -o $@ $<

$(out)/test-engines: $(ptx) $(if $(ptx),$(ptx_translator))

# nvcc's PTX as C. The C compiler may fuse nothing: ptx_translator has named each fma.
$(ptx_translator): engines/test/ptx/ptx_translator.c
	$(call say,CC,$<)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -o $@ $<

$(out)/ptx/kernels.ptx: $(cuda_source) $(shell find engines -name '*.cuh' -o -name '*.h')
	$(call say,NVCC,$< (compute_$(PTX_ARCH)))
	$(quiet)mkdir -p $(@D)
	$(quiet)$(NVCC) $(nvcc_language) -arch=compute_$(PTX_ARCH) -DHD_CUDA_BUILD='""' -ptx -o $@ $<

$(out)/ptx/kernels.c: $(out)/ptx/kernels.ptx $(ptx_translator)
	$(call say,PTX,$<)
	$(quiet)$(ptx_translator) $< DeviceMath >$@

$(out)/ptx/kernels.o: $(out)/ptx/kernels.c engines/test/ptx/ptx_machine.h engines/test/ptx/ptx_kernels.h
	$(call say,CC,$<)
	$(quiet)$(CC) -std=gnu11 -O2 -march=native -ffp-contract=off -w -Iengines -c -o $@ $<

$(filter-out $(loop_objects) $(cuda_objects) $(ptx_kernels),$(objects)): $(out)/%.o: %.c
	$(call say,CC,$<)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(CC) $(flags) -I$(out) -MMD -MP -c -o $@ $<

$(objects): | $(out)/build_info.h $(out)/style.h
-include $(objects:.o=.d)

# What the program says about its build. Rewritten only if it changes, so that only files that include it are compiled again. Goldens
# are no part of the program: newly blessed ones do not make it dirty.
commit = $(or $(shell git --no-optional-locks describe --always 2>/dev/null),unknown)$(if $(shell \
    git --no-optional-locks status --porcelain --untracked-files=no -- . ':!golden' 2>/dev/null),-dirty)
quote = "$(subst ",\",$(subst \,\\,$(1)))"
define build_info
#ifndef HD_BUILD_INFO_H
#define HD_BUILD_INFO_H
#define HD_VERSION $(call quote,$(VERSION))
#define HD_COMMIT $(call quote,$(commit))
#define HD_COMPILER $(call quote,$(compiler))
#define HD_FLAGS $(call quote,$(flags))
#define HD_DATA_ROOT $(call quote,$(PREFIX)/share/hyperdrift)
#define HD_PROGRAM $(call quote,$(out)/hyperdrift) /* for tests that start it, from the repository's root */
#define HD_PTX $(call quote,$(ptx_archs:%=$(ptx_folder)/cuda_%.ptx)) /* for tests that read them; empty where there is no nvcc */
#define HD_PTX_CONTRACTED $(call quote,$(lastword $(ptx)))
#define HD_PTX_TRANSLATOR $(call quote,$(ptx_translator))
#endif
endef
$(out)/build_info.h: FORCE
	$(shell mkdir -p $(@D))$(file >$@.new,$(build_info))
	$(replace_if_changed)

# The pages' style as a string, line by line, without the lines that are comments.
$(out)/style.h: harness/report/html/style.css
	$(quiet)mkdir -p $(@D)
	$(quiet)(echo 'static const char hd_page_style[] ='; sed '/^\/\*/d; s/["\\]/\\&/g; s/.*/    "&\\n"/' $<; echo '    ;') >$@

# If a source is removed, no object becomes newer: the list of objects shows that the program must be linked again.
$(programs:%=$(out)/%.objects): $(out)/%.objects: FORCE
	$(shell mkdir -p $(@D))$(file >$@.new,$($*_objects))
	$(replace_if_changed)

# ---- running ----

# scripts/setup may install packages; a second make then looks for the libraries again.
again = +@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

run: ## the main job: recompute the 22 records of 2017 from the seeds up, and judge every figure
	@scripts/setup run
	$(again) build
	$(quiet)$(BUILD)/hyperdrift check mnist-2017-cpu mnist-2017-gpu mnist-2017-gpu-race

check: ## the tests: units, small experiments, the main job; under 4 minutes on two free cores; ends with "N passed, N failed, N skipped"
	@scripts/setup run check
	$(again) hyperdrift hyperdrift-faults test-engines test-harness
	$(quiet)BUILD='$(BUILD)' scripts/check

check-quick: ## the quick tests: units, small experiments; under a minute once they are built
	@scripts/setup run check
	$(again) hyperdrift test-engines test-harness
	$(quiet)BUILD='$(BUILD)' scripts/check quick

check-all: ## all tests: also crashes, Slurm, nights, simulated histories, the emulated GPU, the GPU code of nvcc, all planted faults; some 16 minutes
	@scripts/setup run check
	$(again) hyperdrift hyperdrift-faults simulate-nights test-engines test-harness
	$(again) hyperdrift test-engines CUDA=emulated BUILD='$(BUILD)/emulated'
	+@for arch in $(ptx_archs); do \
	    $(MAKE) --no-print-directory -j$(JOBS) hyperdrift test-engines CUDA=ptx PTX_ARCH=$$arch BUILD='$(BUILD)'/ptx-$$arch || exit; done
	$(quiet)BUILD='$(BUILD)' scripts/check all

faults: ## plant one fault after another; show which figure detects it and where drift locates it
	@scripts/setup run
	$(again) hyperdrift-faults
	$(quiet)$(BUILD)/hyperdrift-faults faults

nightly-sim: ## measure how changes of time and memory are found on simulated nights
	@scripts/setup run
	$(again) simulate-nights
	$(quiet)$(BUILD)/simulate-nights

bench: ## measure both modes, beside PyTorch if python3-torch is installed, and what a history costs
	@scripts/setup run
	$(again) hyperdrift bench-history
	$(quiet)BUILD='$(BUILD)' scripts/bench

bless: hyperdrift hyperdrift-faults ## accept new results as golden: make bless EXPERIMENT=name REASON="why they changed" [LOOSEN=1]
	@test -n "$$EXPERIMENT" && test -n "$$REASON" || \
	    { echo 'usage: make bless EXPERIMENT=name REASON="why the golden changes"' >&2; exit 2; }
	$(quiet)$(BUILD)/hyperdrift bless "$$EXPERIMENT" --reason "$$REASON" $(if $(LOOSEN),--loosen)
bless: export EXPERIMENT := $(value EXPERIMENT)
bless: export REASON := $(value REASON)

asan ubsan: ## build with the address (asan) or undefined-behaviour (ubsan) sanitizer and run the unit tests
	@scripts/setup run check
	$(again) sanitized-tests SANITIZE=$(if $(filter asan,$@),address,undefined)

sanitized-tests: $(programs:%=$(out)/%)
	$(quiet)HYPERDRIFT_SLOW=1 BUILD='$(out)' scripts/check units

setup: ## install the packages that run and check need (make lint needs: scripts/setup lint)
	@scripts/setup run check

# ---- installing ----

install: build ## install under PREFIX (/usr/local), below DESTDIR
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/hyperdrift $(DESTDIR)$(PREFIX)/share/doc/hyperdrift
	install -m 755 $(out)/hyperdrift $(DESTDIR)$(PREFIX)/bin/hyperdrift
	cp -R fixtures golden $(DESTDIR)$(PREFIX)/share/hyperdrift
	install -m 644 LICENSE $(wildcard README.md) $(DESTDIR)$(PREFIX)/share/doc/hyperdrift

uninstall: ## remove what install put there (same PREFIX and DESTDIR)
	rm -f $(DESTDIR)$(PREFIX)/bin/hyperdrift
	rm -rf $(DESTDIR)$(PREFIX)/share/hyperdrift $(DESTDIR)$(PREFIX)/share/doc/hyperdrift

clean: ## remove the build folder
	rm -rf $(BUILD)

# ---- style ----

format: ## format the C and CUDA sources with clang-format
	clang-format -i $(sources) $(cuda_source) $(headers)

lint: $(out)/build_info.h $(out)/style.h ## what includes what, clang-format, clang-tidy and shellcheck over the sources, where they are installed
	$(quiet)FLAGS='$(filter-out -Werror,$(flags)) -I$(out) -DHD_LOOPS=baseline' scripts/lint

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

FORCE:
.PHONY: build tests libraries $(programs) run check check-quick check-all faults nightly-sim bench bless asan ubsan sanitized-tests setup install uninstall \
    clean format lint help FORCE
.DELETE_ON_ERROR:
