# The front door: `make run` streams an answer from the demo model, `make test` passes the tests. Both install what is missing.
PRESET ?= release
BUILD := build/$(PRESET)
PROMPT ?= Can you introduce yourself?
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: run build test test-dev test-thread test-gcc test-windows test-arm64 test-peers package package-windows package-arm64 test-packages fuzz tidy format install clean help

run:
	@tools/setup.sh run
	@cmake --preset $(PRESET) -DPHILO_TESTS=OFF -DPHILO_EXAMPLES=OFF >/dev/null
	@cmake --build $(BUILD) --parallel $(JOBS) --target philo_cli
	@$(BUILD)/bin/philo run -p "$(PROMPT)"

build:
	@tools/setup.sh run
	cmake --preset $(PRESET) -DPHILO_TESTS=OFF $(CMAKE_ARGS)
	cmake --build $(BUILD) --parallel $(JOBS)

test:
	@tools/setup.sh test
	cmake --preset $(PRESET) -DPHILO_TESTS=ON -DPHILO_EXAMPLES=ON $(CMAKE_ARGS)
	cmake --build $(BUILD) --parallel $(JOBS)
	ctest --preset $(PRESET) --parallel $(JOBS) $(CTEST)

test-dev:     ; @$(MAKE) test PRESET=dev
test-gcc:     ; @$(MAKE) test PRESET=gcc

# The thread pool, sessions and conversations; the rest of the suite has one thread.
test-thread:
	@tools/setup.sh ci
	cmake --preset thread -DPHILO_TESTS=ON
	cmake --build build/thread --parallel $(JOBS) --target philo_machine_test philo_device_cpu_test philo_generate_test
	ctest --preset thread --parallel $(JOBS) -R '^(machine[.](ThreadPool|Crew)|device_cpu|generate)[.]' -E 'RewindsToEveryPosition|YieldsTheSameBits|ComputesWithIntegerCodes|AgreesWithDoublePrecision'

# Cross-built, and run by wine and by qemu-user. Left out under wine: models on kernels whose likes are tried there, as make test has them.
WINDOWS_TESTS := -*_on_scalar*:*_on_avx_vnni*:*_on_amx*:CpuNetwork.YieldsTheSameBits*
test-windows:
	@tools/setup.sh cross
	cmake --preset windows -DPHILO_TESTS=ON
	cmake --build build/windows --parallel $(JOBS)
	GTEST_FILTER='$(WINDOWS_TESTS)' ctest --preset windows --parallel $(JOBS)
	tests/travel/windows.sh build/windows

# Emulation is slow: left out are the scalar kernels, which x86-64 tries, the demo's perplexity, some models, and what takes minutes.
ARM64_TESTS := -*scalar*:DemoTest.*:CodedLinear.*:Parity/LinearGrid.*:*HasTheReferencesBitsForFp32*:*RewindsToEveryPosition*:*ConversationTest.*
ARM64_TESTS := $(ARM64_TESTS):CrewSizes.AreMeasuredWith*:OnnxruntimeTest.TakesTheLong*:OnnxruntimeTest.AsksFor*:OnnxruntimeTest.SaysWhat*:CpuNetwork.YieldsTheSameBits*:CpuNetwork.AppliesTheWindow:CpuNetwork.AgreesWithDoublePrecision:CpuNetwork.ComputesWithIntegerCodes:*mini_3_5_on*:*medium_*_on*:*form_*_on*:*phi_4_on*:*_su_on*
# neon_i8mm takes most of its functions from neon.
ARM64_TESTS := $(ARM64_TESTS):*BitsForInt8/neon:*Attend*/neon_i8mm:*RowGrid*/neon_i8mm:*QuantizesInputs*/neon_i8mm:*mini_128k_on_neon:*phi_4_mini_on_neon
test-arm64:
	@tools/setup.sh cross
	cmake --preset arm64 -DPHILO_TESTS=ON -DPHILO_STATIC_RUNTIME=ON
	cmake --build build/arm64 --parallel $(JOBS)
	GTEST_FILTER='$(ARM64_TESTS)' ctest --preset arm64 --parallel $(JOBS)
	tests/travel/arm64.sh build/arm64

# The packages lie in build/*/packages.
package:
	@tools/setup.sh package
	cmake --preset release -DPHILO_STATIC_RUNTIME=ON
	cmake --build build/release --parallel $(JOBS) --target philo philo_cli philo_completion
	cd build/release && cpack

package-windows:
	@tools/setup.sh cross
	cmake --preset windows
	cmake --build build/windows --parallel $(JOBS) --target philo philo_cli
	cd build/windows && cpack

package-arm64:
	@tools/setup.sh cross
	cmake --preset arm64 -DPHILO_STATIC_RUNTIME=ON
	cmake --build build/arm64 --parallel $(JOBS) --target philo philo_cli philo_completion
	cd build/arm64 && cpack

test-packages: package package-windows package-arm64
	tests/travel/packages.sh build

# Against the real transformers, tokenizers, jinja2, NNCF and optimum in .venv/peers (about 8 GB, made on the first call).
test-peers: build
	tests/peers/run.sh $(BUILD)

FUZZ_SECONDS ?= 60
fuzz:
	cmake --preset fuzz
	cmake --build build/fuzz --parallel $(JOBS) --target philo_fuzz
	tests/fuzz/run.sh $(FUZZ_SECONDS)

tidy:
	cmake --preset tidy
	cmake --build build/tidy --parallel $(JOBS)

format:
	git ls-files '*.h' '*.hpp' '*.cpp' '*.c' | xargs clang-format-19 -i

PREFIX ?= /usr/local
install: build
	cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf build

help:
	@echo "make run [PROMPT=...]   build and stream an answer from the demo model"
	@echo "make test               build and run the tests"
	@echo "make test-dev           the tests under the address and undefined-behaviour sanitizers"
	@echo "make test-thread        the tests under the thread sanitizer"
	@echo "make test-gcc           the tests, built by g++"
	@echo "make test-windows       cross-built for Windows, run by wine"
	@echo "make test-arm64         cross-built for 64-bit ARM, run by qemu-user"
	@echo "make package            .deb and .tar.gz; package-windows: .zip; package-arm64: .tar.gz; test-packages tries all"
	@echo "make test-peers         philo against the real transformers, tokenizers, jinja2, NNCF and optimum"
	@echo "make fuzz [FUZZ_SECONDS=60]"
	@echo "make tidy, make format, make install [PREFIX=/usr/local], make clean"
